-- title: Coverage per service
-- about: How many events were read, how many do not say their TLS version, suite, key exchange or host, and the first and last text (by alphabet) that is no version, no suite or no key exchange.
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
    MIN(:unread) AS firstUnreadVersion,
    MAX(:unread) AS lastUnreadVersion,
    MIN(:unread_suite) AS firstUnreadSuite,
    MAX(:unread_suite) AS lastUnreadSuite,
    MIN(:unread_exchange) AS firstUnreadKeyExchange,
    MAX(:unread_exchange) AS lastUnreadKeyExchange
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numEvents DESC, eventSource
