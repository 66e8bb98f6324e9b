-- title: Coverage per service, clients too
-- about: How many events were read, and how many do not say their TLS version, suite, key exchange, host or client.
-- source: TLS Audit
SELECT
    eventSource,
    COUNT(*) AS numEvents,
    SUM(CASE WHEN :version IS NULL THEN 1 ELSE 0 END) AS numWithoutTls,
    MIN(eventTime) AS oldestEvent,
    MAX(eventTime) AS newestEvent,
    SUM(CASE WHEN :suite IS NULL THEN 1 ELSE 0 END) AS numWithoutSuite,
    SUM(CASE WHEN :exchange IS NULL THEN 1 ELSE 0 END) AS numWithoutKeyExchange,
    SUM(CASE WHEN :host IS NULL THEN 1 ELSE 0 END) AS numWithoutHost,
    SUM(CASE WHEN :agent IS NULL THEN 1 ELSE 0 END) AS numWithoutAgent
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numEvents DESC, eventSource
