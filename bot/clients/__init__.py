"""Clients: what an agent string says, until when AWS supports it, what decides its TLS, and how to fix it.

Pure: nothing is read but this folder's own data files, and those only when they are needed. An agent
string is chosen by its sender, so a client *calls itself* what is read here.
"""
