-- title: Cipher suites
-- about: Every cipher suite in use; weak ones say why, and come first.
-- source: TLS Audit
SELECT
    tlsDetails.cipherSuite AS cipherSuite,
    tlsDetails.tlsVersion AS tlsVersion,
    :weakness AS weakness,
    COUNT(DISTINCT eventSource) AS numServices,
    COUNT(DISTINCT userAgent) AS numClients,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE tlsDetails.cipherSuite IS NOT NULL
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY tlsDetails.cipherSuite, tlsDetails.tlsVersion, :weakness
ORDER BY weakness, numCalls DESC, cipherSuite, tlsVersion
