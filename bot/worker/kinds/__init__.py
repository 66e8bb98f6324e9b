"""The kinds of run: a question is answered, a scan kept for those that await it, a digest or a preview of one
posted, a watch looked at."""
