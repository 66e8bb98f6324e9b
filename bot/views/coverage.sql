-- title: Coverage per service
-- about: How many events were read, how many carry no TLS details, the oldest and the newest.
-- source: TLS Audit
SELECT
    eventSource,
    COUNT(*) AS numEvents,
    SUM(CASE WHEN tlsDetails.tlsVersion IS NULL THEN 1 ELSE 0 END) AS numWithoutTls,
    MIN(eventTime) AS oldestEvent,
    MAX(eventTime) AS newestEvent
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numEvents DESC, eventSource
