-- title: TLS versions per service
-- about: Every TLS version's share of each service's calls, in percent.
-- source: TLS Audit
SELECT
    eventSource,
    ROUND(1E2 * SUM(CASE WHEN tlsDetails.tlsVersion = 'TLSv1.3' THEN 1 ELSE 0 END) / COUNT(*), 1) AS percentTls13,
    ROUND(1E2 * SUM(CASE WHEN tlsDetails.tlsVersion = 'TLSv1.2' THEN 1 ELSE 0 END) / COUNT(*), 1) AS percentTls12,
    ROUND(1E2 * SUM(CASE WHEN tlsDetails.tlsVersion = 'TLSv1.1' THEN 1 ELSE 0 END) / COUNT(*), 1) AS percentTls11,
    ROUND(1E2 * SUM(CASE WHEN tlsDetails.tlsVersion = 'TLSv1' THEN 1 ELSE 0 END) / COUNT(*), 1) AS percentTls10,
    ROUND(1E2 * SUM(CASE WHEN tlsDetails.tlsVersion IN ('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1') THEN 0 ELSE 1 END) / COUNT(*), 1) AS percentOther,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource
ORDER BY numCalls DESC, eventSource
