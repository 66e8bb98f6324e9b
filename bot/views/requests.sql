-- title: Single requests over outdated TLS
-- about: One row an event, oldest first: AWS's five columns, then when, which, who, with what.
-- source: aws-samples/cloud-trail-lake-query-samples, tls-version.sql (MIT-0)
-- by: request
SELECT
    eventName,
    awsRegion,
    sourceIPAddress,
    recipientAccountId,
    :version AS tlsVersion,
    eventTime,
    eventID,
    :principal AS principal,
    userAgent
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
ORDER BY eventTime, eventID
