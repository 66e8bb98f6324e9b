-- title: Machines that call over outdated TLS
-- about: Where to go and fix it: the instance, function, task, pipeline or address of each caller, by what its events say of it, and the ground for that.
-- source: TLS Audit
-- by: machine
SELECT
    eventSource,
    COALESCE(userIdentity.accountId, recipientAccountId) AS accountId,
    userIdentity.arn AS arn,
    userIdentity.inScopeOf.credentialsIssuedTo AS credentialsIssuedTo,
    COALESCE(userIdentity.identityProvider, userIdentity.sessionContext.webIdFederationData.federatedProvider) AS identityProvider,
    COALESCE(CASE WHEN userIdentity.type = 'WebIdentityUser' THEN userIdentity.userName END, userIdentity.sessionContext.webIdFederationData.attributes['token.actions.githubusercontent.com:sub'], userIdentity.sessionContext.webIdFederationData.attributes['gitlab.com:sub']) AS subject,
    userIdentity.sessionContext.ec2RoleDelivery AS ec2RoleDelivery,
    userIdentity.invokedBy AS invokedBy,
    vpcEndpointId,
    sourceIPAddress,
    userAgent,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    eventSource,
    COALESCE(userIdentity.accountId, recipientAccountId),
    userIdentity.arn,
    userIdentity.inScopeOf.credentialsIssuedTo,
    COALESCE(userIdentity.identityProvider, userIdentity.sessionContext.webIdFederationData.federatedProvider),
    COALESCE(CASE WHEN userIdentity.type = 'WebIdentityUser' THEN userIdentity.userName END, userIdentity.sessionContext.webIdFederationData.attributes['token.actions.githubusercontent.com:sub'], userIdentity.sessionContext.webIdFederationData.attributes['gitlab.com:sub']),
    userIdentity.sessionContext.ec2RoleDelivery,
    userIdentity.invokedBy,
    vpcEndpointId,
    sourceIPAddress,
    userAgent
ORDER BY numOutdatedTlsCalls DESC, eventSource, accountId, arn, credentialsIssuedTo, identityProvider, subject, ec2RoleDelivery, invokedBy, vpcEndpointId, sourceIPAddress, userAgent
