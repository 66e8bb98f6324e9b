"""What is remembered: the database, its schema, runs, digests. Only this room knows SQLAlchemy."""
