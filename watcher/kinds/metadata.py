"""Types that every object shares: k8s.io/apimachinery meta/v1, ObjectMeta and LabelSelector."""

from watcher.kinds.shapes import Bool, Int, Text, TextMap, Texts, many, struct

_OWNER_REFERENCE = struct(
    "OwnerReference",
    apiVersion=Text,
    kind=Text,
    name=Text,
    uid=Text,
    controller=Bool,
    blockOwnerDeletion=Bool,
)
METADATA = struct(
    "ObjectMeta",
    name=Text,
    generateName=Text,
    namespace=Text,
    uid=Text,
    resourceVersion=Text,
    generation=Int,
    creationTimestamp=Text,
    deletionTimestamp=Text,
    deletionGracePeriodSeconds=Int,
    labels=TextMap,
    annotations=TextMap,
    ownerReferences=many(_OWNER_REFERENCE),
    finalizers=Texts,
)
_REQUIREMENT = struct("LabelSelectorRequirement", key=Text, operator=Text, values=Texts)
LABEL_SELECTOR = struct("LabelSelector", matchLabels=TextMap, matchExpressions=many(_REQUIREMENT))
