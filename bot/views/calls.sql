-- title: Calls over outdated TLS, in full
-- about: Each kind of call: account, principal, service, call, region, TLS, cipher suite, client.
-- source: AWS Security Blog, the granular query of the TLS 1.2 announcement
SELECT
    userIdentity.accountId AS accountId,
    recipientAccountId,
    userIdentity.arn AS arn,
    eventSource,
    eventName,
    awsRegion,
    :version AS tlsVersion,
    :suite AS cipherSuite,
    userAgent,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    userIdentity.accountId,
    recipientAccountId,
    userIdentity.arn,
    eventSource,
    eventName,
    awsRegion,
    :version,
    :suite,
    userAgent
ORDER BY
    eventSource,
    eventName,
    tlsVersion,
    numOutdatedTlsCalls DESC,
    accountId,
    recipientAccountId,
    arn,
    awsRegion,
    cipherSuite,
    userAgent
