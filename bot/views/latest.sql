-- title: Latest requests over outdated TLS
-- about: One row an event, newest first: when, which, what, from where, who, with what.
-- source: TLS Audit
-- by: request
SELECT
    eventTime,
    eventID,
    eventSource,
    eventName,
    sourceIPAddress,
    :version AS tlsVersion,
    :principal AS principal,
    userAgent,
    awsRegion,
    recipientAccountId
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
ORDER BY eventTime DESC, eventID
