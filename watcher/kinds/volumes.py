"""Types of a Pod's volumes: k8s.io/api core/v1, `Volume` and what is below it."""

from watcher.kinds.metadata import LABEL_SELECTOR, METADATA
from watcher.kinds.shapes import Bool, Int, Quantity, Text, TextMap, Texts, many, maybe, struct

_REFERENCE = struct("LocalObjectReference", name=Text)
_KEY_TO_PATH = struct("KeyToPath", key=Text, path=Text, mode=Int)
_FIELD_REF = struct("ObjectFieldSelector", apiVersion=Text, fieldPath=Text)
_RESOURCE_REF = struct("ResourceFieldSelector", containerName=Text, resource=Text, divisor=Quantity)
_DOWNWARD_FILE = struct(
    "DownwardAPIVolumeFile",
    path=Text,
    mode=Int,
    fieldRef=maybe(_FIELD_REF),
    resourceFieldRef=maybe(_RESOURCE_REF),
)
_PROJECTION = struct(
    "VolumeProjection",
    secret=maybe(struct("SecretProjection", name=Text, items=many(_KEY_TO_PATH), optional=Bool)),
    configMap=maybe(struct("ConfigMapProjection", name=Text, items=many(_KEY_TO_PATH), optional=Bool)),
    downwardAPI=maybe(struct("DownwardAPIProjection", items=many(_DOWNWARD_FILE))),
    serviceAccountToken=maybe(
        struct("ServiceAccountTokenProjection", audience=Text, expirationSeconds=Int, path=Text)
    ),
    clusterTrustBundle=maybe(
        struct(
            "ClusterTrustBundleProjection",
            name=Text,
            signerName=Text,
            labelSelector=maybe(LABEL_SELECTOR),
            optional=Bool,
            path=Text,
        )
    ),
)
CLAIM_SPEC = struct(
    "PersistentVolumeClaimSpec",
    accessModes=Texts,
    selector=maybe(LABEL_SELECTOR),
    resources=maybe(
        struct(
            "VolumeResourceRequirements",
            limits=dict[str, Quantity] | None,
            requests=dict[str, Quantity] | None,
        )
    ),
    volumeName=Text,
    storageClassName=Text,
    volumeMode=Text,
)
_CLAIM_TEMPLATE = struct("PersistentVolumeClaimTemplate", metadata=maybe(METADATA), spec=maybe(CLAIM_SPEC))

VOLUME = struct(
    "Volume",
    name=Text,
    hostPath=maybe(struct("HostPathVolumeSource", path=Text, type=Text)),
    emptyDir=maybe(struct("EmptyDirVolumeSource", medium=Text, sizeLimit=Quantity)),
    gcePersistentDisk=maybe(
        struct("GCEPersistentDisk", pdName=Text, fsType=Text, partition=Int, readOnly=Bool)
    ),
    awsElasticBlockStore=maybe(
        struct("AWSElasticBlockStore", volumeID=Text, fsType=Text, partition=Int, readOnly=Bool)
    ),
    gitRepo=maybe(struct("GitRepoVolumeSource", repository=Text, revision=Text, directory=Text)),
    secret=maybe(
        struct(
            "SecretVolumeSource",
            secretName=Text,
            items=many(_KEY_TO_PATH),
            defaultMode=Int,
            optional=Bool,
        )
    ),
    nfs=maybe(struct("NFSVolumeSource", server=Text, path=Text, readOnly=Bool)),
    iscsi=maybe(
        struct(
            "ISCSIVolumeSource",
            targetPortal=Text,
            iqn=Text,
            lun=Int,
            iscsiInterface=Text,
            fsType=Text,
            readOnly=Bool,
            portals=Texts,
            chapAuthDiscovery=Bool,
            chapAuthSession=Bool,
            secretRef=maybe(_REFERENCE),
            initiatorName=Text,
        )
    ),
    glusterfs=maybe(struct("GlusterfsVolumeSource", endpoints=Text, path=Text, readOnly=Bool)),
    persistentVolumeClaim=maybe(struct("PersistentVolumeClaimSource", claimName=Text, readOnly=Bool)),
    rbd=maybe(
        struct(
            "RBDVolumeSource",
            monitors=Texts,
            image=Text,
            fsType=Text,
            pool=Text,
            user=Text,
            keyring=Text,
            secretRef=maybe(_REFERENCE),
            readOnly=Bool,
        )
    ),
    flexVolume=maybe(
        struct(
            "FlexVolumeSource",
            driver=Text,
            fsType=Text,
            secretRef=maybe(_REFERENCE),
            readOnly=Bool,
            options=TextMap,
        )
    ),
    cinder=maybe(
        struct("CinderVolumeSource", volumeID=Text, fsType=Text, readOnly=Bool, secretRef=maybe(_REFERENCE))
    ),
    cephfs=maybe(
        struct(
            "CephFSVolumeSource",
            monitors=Texts,
            path=Text,
            user=Text,
            secretFile=Text,
            secretRef=maybe(_REFERENCE),
            readOnly=Bool,
        )
    ),
    flocker=maybe(struct("FlockerVolumeSource", datasetName=Text, datasetUUID=Text)),
    downwardAPI=maybe(struct("DownwardAPIVolumeSource", items=many(_DOWNWARD_FILE), defaultMode=Int)),
    fc=maybe(struct("FCVolumeSource", targetWWNs=Texts, lun=Int, fsType=Text, readOnly=Bool, wwids=Texts)),
    azureFile=maybe(struct("AzureFileVolumeSource", secretName=Text, shareName=Text, readOnly=Bool)),
    configMap=maybe(
        struct(
            "ConfigMapVolumeSource",
            name=Text,
            items=many(_KEY_TO_PATH),
            defaultMode=Int,
            optional=Bool,
        )
    ),
    vsphereVolume=maybe(
        struct(
            "VsphereVolumeSource",
            volumePath=Text,
            fsType=Text,
            storagePolicyName=Text,
            storagePolicyID=Text,
        )
    ),
    quobyte=maybe(
        struct(
            "QuobyteVolumeSource",
            registry=Text,
            volume=Text,
            readOnly=Bool,
            user=Text,
            group=Text,
            tenant=Text,
        )
    ),
    azureDisk=maybe(
        struct(
            "AzureDiskVolumeSource",
            diskName=Text,
            diskURI=Text,
            cachingMode=Text,
            fsType=Text,
            readOnly=Bool,
            kind=Text,
        )
    ),
    photonPersistentDisk=maybe(struct("PhotonPersistentDisk", pdID=Text, fsType=Text)),
    projected=maybe(struct("ProjectedVolumeSource", sources=many(_PROJECTION), defaultMode=Int)),
    portworxVolume=maybe(struct("PortworxVolumeSource", volumeID=Text, fsType=Text, readOnly=Bool)),
    scaleIO=maybe(
        struct(
            "ScaleIOVolumeSource",
            gateway=Text,
            system=Text,
            secretRef=maybe(_REFERENCE),
            sslEnabled=Bool,
            protectionDomain=Text,
            storagePool=Text,
            storageMode=Text,
            volumeName=Text,
            fsType=Text,
            readOnly=Bool,
        )
    ),
    storageos=maybe(
        struct(
            "StorageOSVolumeSource",
            volumeName=Text,
            volumeNamespace=Text,
            fsType=Text,
            readOnly=Bool,
            secretRef=maybe(_REFERENCE),
        )
    ),
    csi=maybe(
        struct(
            "CSIVolumeSource",
            driver=Text,
            readOnly=Bool,
            fsType=Text,
            volumeAttributes=TextMap,
            nodePublishSecretRef=maybe(_REFERENCE),
        )
    ),
    ephemeral=maybe(struct("EphemeralVolumeSource", volumeClaimTemplate=maybe(_CLAIM_TEMPLATE))),
    image=maybe(struct("ImageVolumeSource", reference=Text, pullPolicy=Text)),
)
