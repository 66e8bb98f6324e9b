"""AWS CloudTrail Lake: the engine, its stores, and their life."""
