-- title: Calls per service over outdated TLS
-- about: How many calls each service received.
-- source: CloudTrail Lake console sample, "calls per service with outdated TLS"
-- chart: bar eventSource numOutdatedTlsCalls
SELECT
    eventSource,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numOutdatedTlsCalls DESC, eventSource
