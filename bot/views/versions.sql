-- title: TLS versions per service
-- about: Every TLS version's share of each service's calls, in percent, and the calls themselves.
-- source: TLS Audit
SELECT
    eventSource,
    1E2 * SUM(CASE WHEN :version = 'TLSv1.3' THEN 1 ELSE 0 END) / COUNT(*) AS percentTls13,
    1E2 * SUM(CASE WHEN :version = 'TLSv1.2' THEN 1 ELSE 0 END) / COUNT(*) AS percentTls12,
    1E2 * SUM(CASE WHEN :version = 'TLSv1.1' THEN 1 ELSE 0 END) / COUNT(*) AS percentTls11,
    1E2 * SUM(CASE WHEN :version = 'TLSv1' THEN 1 ELSE 0 END) / COUNT(*) AS percentTls10,
    1E2 * SUM(CASE WHEN :version IN ('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1') THEN 0 ELSE 1 END) / COUNT(*) AS percentOther,
    COUNT(*) AS numCalls,
    SUM(CASE WHEN :version = 'TLSv1.3' THEN 1 ELSE 0 END) AS numTls13,
    SUM(CASE WHEN :version = 'TLSv1.2' THEN 1 ELSE 0 END) AS numTls12,
    SUM(CASE WHEN :version = 'TLSv1.1' THEN 1 ELSE 0 END) AS numTls11,
    SUM(CASE WHEN :version = 'TLSv1' THEN 1 ELSE 0 END) AS numTls10,
    SUM(CASE WHEN :version IN ('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1') THEN 0 ELSE 1 END) AS numOther
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numCalls DESC, eventSource
