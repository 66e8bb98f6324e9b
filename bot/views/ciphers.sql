-- title: Cipher suites
-- about: Every cipher suite in use; weak ones say why, and come first.
-- source: TLS Audit
SELECT
    :suite AS cipherSuite,
    :version AS tlsVersion,
    MIN(:weakness) AS weakness,
    COUNT(DISTINCT eventSource) AS numServices,
    COUNT(DISTINCT userAgent) AS numClients,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE :suite IS NOT NULL
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY :suite, :version
ORDER BY weakness, numCalls DESC, cipherSuite, tlsVersion
