-- title: Calls per day over outdated TLS
-- about: On which days (UTC): calls and principals of each; a day without calls has no row.
-- source: TLS Audit
-- by: day
-- chart: bar day numOutdatedTlsCalls
SELECT
    CAST(eventTime AS DATE) AS day,
    COUNT(DISTINCT :principal) AS numPrincipals,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY CAST(eventTime AS DATE)
ORDER BY day
