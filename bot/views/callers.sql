-- title: Callers over outdated TLS, by month
-- about: Who called which service, from where, with which access key.
-- source: CloudTrail Lake console sample, "callers who used outdated TLS"
-- by: caller
SELECT
    recipientAccountId,
    YEAR(eventTime) AS year_date,
    MONTH(eventTime) AS month_date,
    eventSource,
    sourceIPAddress,
    userAgent,
    userIdentity.arn AS arn,
    userIdentity.accessKeyId AS accesskeyid,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    recipientAccountId,
    YEAR(eventTime),
    MONTH(eventTime),
    eventSource,
    sourceIPAddress,
    userAgent,
    userIdentity.arn,
    userIdentity.accessKeyId
ORDER BY
    numCalls DESC,
    recipientAccountId,
    year_date,
    month_date,
    eventSource,
    sourceIPAddress,
    userAgent,
    arn,
    accesskeyid
