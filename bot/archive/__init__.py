"""Log files of CloudTrail → Parquet, a folder for each UTC day of the event."""
