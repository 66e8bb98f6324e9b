-- title: Readiness: who is on TLS 1.3, post-quantum, and supported
-- about: Shares at TLS 1.3, at ML-KEM and at ML-KEM-1024 (CNSA 2.0) of the calls that say so, and which SDKs are out of support, for each account, service and client; who holds most back comes first.
-- source: TLS Audit
-- top: numHeldBack
SELECT
    recipientAccountId,
    eventSource,
    userAgent,
    CASE WHEN :unsupported THEN 'out of support' END AS support,
    1E2 * AVG(CASE WHEN :version = 'TLSv1.3' THEN 1 WHEN :version IN ('SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2') THEN 0 END) AS percentTls13,
    1E2 * AVG(CASE WHEN :pq THEN 1 WHEN :classical THEN 0 END) AS percentPostQuantum,
    1E2 * AVG(CASE WHEN :cnsa THEN 1 WHEN :exchange IS NULL THEN NULL ELSE 0 END) AS percentCnsa,
    SUM(CASE WHEN :version IN ('SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2') OR :classical OR :unsupported THEN 1 ELSE 0 END) AS numHeldBack,
    COUNT(*) AS numCalls,
    SUM(CASE WHEN :version IS NULL THEN 0 ELSE 1 END) AS numWithVersion,
    SUM(CASE WHEN :exchange IS NULL THEN 0 ELSE 1 END) AS numWithKeyExchange
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY recipientAccountId, eventSource, userAgent
ORDER BY numHeldBack DESC, numCalls DESC, recipientAccountId, eventSource, userAgent
