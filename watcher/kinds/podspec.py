"""Types of the Pod spec: k8s.io/api core/v1, `PodSpec` and what is below it."""

from watcher.kinds.containers import CONTAINER, EPHEMERAL_CONTAINER, POD_SECURITY_CONTEXT, RESOURCES
from watcher.kinds.metadata import LABEL_SELECTOR
from watcher.kinds.shapes import (
    Bool,
    Int,
    QuantityMap,
    Text,
    TextMap,
    Texts,
    many,
    maybe,
    struct,
)
from watcher.kinds.volumes import VOLUME

_SELECTOR_TERM = struct(
    "NodeSelectorTerm",
    matchExpressions=many(struct("NodeSelectorRequirement", key=Text, operator=Text, values=Texts)),
    matchFields=many(struct("NodeFieldRequirement", key=Text, operator=Text, values=Texts)),
)
_POD_AFFINITY_TERM = struct(
    "PodAffinityTerm",
    labelSelector=maybe(LABEL_SELECTOR),
    namespaces=Texts,
    topologyKey=Text,
    namespaceSelector=maybe(LABEL_SELECTOR),
    matchLabelKeys=Texts,
    mismatchLabelKeys=Texts,
)
_POD_AFFINITY = struct(
    "PodAffinity",
    requiredDuringSchedulingIgnoredDuringExecution=many(_POD_AFFINITY_TERM),
    preferredDuringSchedulingIgnoredDuringExecution=many(
        struct("WeightedPodAffinityTerm", weight=Int, podAffinityTerm=maybe(_POD_AFFINITY_TERM))
    ),
)
_NODE_AFFINITY = struct(
    "NodeAffinity",
    requiredDuringSchedulingIgnoredDuringExecution=maybe(
        struct("NodeSelector", nodeSelectorTerms=many(_SELECTOR_TERM))
    ),
    preferredDuringSchedulingIgnoredDuringExecution=many(
        struct("PreferredSchedulingTerm", weight=Int, preference=maybe(_SELECTOR_TERM))
    ),
)
POD_SPEC = struct(
    "PodSpec",
    volumes=many(VOLUME),
    initContainers=many(CONTAINER),
    containers=many(CONTAINER),
    ephemeralContainers=many(EPHEMERAL_CONTAINER),
    restartPolicy=Text,
    terminationGracePeriodSeconds=Int,
    activeDeadlineSeconds=Int,
    dnsPolicy=Text,
    nodeSelector=TextMap,
    serviceAccountName=Text,
    serviceAccount=Text,
    automountServiceAccountToken=Bool,
    nodeName=Text,
    hostNetwork=Bool,
    hostPID=Bool,
    hostIPC=Bool,
    hostUsers=Bool,
    shareProcessNamespace=Bool,
    securityContext=maybe(POD_SECURITY_CONTEXT),
    imagePullSecrets=many(struct("ImagePullSecret", name=Text)),
    hostname=Text,
    subdomain=Text,
    setHostnameAsFQDN=Bool,
    affinity=maybe(
        struct(
            "Affinity",
            nodeAffinity=maybe(_NODE_AFFINITY),
            podAffinity=maybe(_POD_AFFINITY),
            podAntiAffinity=maybe(_POD_AFFINITY),
        )
    ),
    schedulerName=Text,
    tolerations=many(
        struct("Toleration", key=Text, operator=Text, value=Text, effect=Text, tolerationSeconds=Int)
    ),
    hostAliases=many(struct("HostAlias", ip=Text, hostnames=Texts)),
    priorityClassName=Text,
    priority=Int,
    dnsConfig=maybe(
        struct(
            "PodDNSConfig",
            nameservers=Texts,
            searches=Texts,
            options=many(struct("PodDNSConfigOption", name=Text, value=Text)),
        )
    ),
    readinessGates=many(struct("PodReadinessGate", conditionType=Text)),
    runtimeClassName=Text,
    enableServiceLinks=Bool,
    preemptionPolicy=Text,
    overhead=QuantityMap,
    topologySpreadConstraints=many(
        struct(
            "TopologySpreadConstraint",
            maxSkew=Int,
            topologyKey=Text,
            whenUnsatisfiable=Text,
            labelSelector=maybe(LABEL_SELECTOR),
            minDomains=Int,
            nodeAffinityPolicy=Text,
            nodeTaintsPolicy=Text,
            matchLabelKeys=Texts,
        )
    ),
    os=maybe(struct("PodOS", name=Text)),
    schedulingGates=many(struct("PodSchedulingGate", name=Text)),
    resourceClaims=many(
        struct("PodResourceClaim", name=Text, resourceClaimName=Text, resourceClaimTemplateName=Text)
    ),
    resources=maybe(RESOURCES),
)
