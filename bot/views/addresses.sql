-- title: Addresses that call over outdated TLS
-- about: From which addresses the calls come, per service and TLS version.
-- source: aws-samples/cloud-trail-lake-query-samples, tls-unsupported-version.sql (MIT-0)
-- by: address
SELECT
    eventSource,
    :version AS tlsVersion,
    sourceIPAddress,
    recipientAccountId,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource, :version, sourceIPAddress, recipientAccountId
ORDER BY numOutdatedTlsCalls DESC, eventSource, tlsVersion, sourceIPAddress, recipientAccountId
