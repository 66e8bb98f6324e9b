-- title: Calls to endpoints that offer no more
-- about: Calls that are outdated by nothing but what their endpoint lacks, as far as sources say: to which host, and who called it. They stay in every other view.
-- source: TLS Audit
-- by: host
SELECT
    eventSource,
    :host AS host,
    :role AS principal,
    userAgent,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :limited
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource, :host, :role, userAgent
ORDER BY numOutdatedTlsCalls DESC, eventSource, host, principal, userAgent
