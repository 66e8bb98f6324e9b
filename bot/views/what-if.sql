-- title: What a TLS floor for S3 would break
-- about: Who would be denied by a policy on s3:TlsVersion, per bucket: callers, clients, their last call. AWS's own services are left alone by it.
-- source: TLS Audit
-- by: caller of S3
SELECT
    ELEMENT_AT(requestParameters, 'bucketName') AS bucketName,
    recipientAccountId,
    :role AS principal,
    userAgent,
    :version AS tlsVersion,
    MAX(eventTime) AS lastCall,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventSource = 's3.amazonaws.com'
    AND COALESCE(userIdentity.type, '') <> 'AWSService'
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    ELEMENT_AT(requestParameters, 'bucketName'),
    recipientAccountId,
    :role,
    userAgent,
    :version
ORDER BY numOutdatedTlsCalls DESC, bucketName, recipientAccountId, principal, userAgent, tlsVersion
