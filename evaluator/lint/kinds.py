"""What the fields of workloads are, in Kubernetes 1.34: the types that a policy's comparisons meet.

Source: the OpenAPI of `core/v1`, `apps/v1` and `batch/v1`. Types: `[]T` is a list,
`{}T` a map by names of the author's choice, `any` is not looked into.
`boolean=false`: absent means false. `boolean=true`: absent means true. `boolean`
alone: absent means something else, such as what the Pod says.
"""

from collections.abc import Mapping
from functools import cache

_TYPES = """
Pod: activeDeadlineSeconds number, affinity any, automountServiceAccountToken boolean=true,
  containers []Container, dnsConfig any, dnsPolicy string, enableServiceLinks boolean=true,
  ephemeralContainers []Container, hostAliases []any, hostIPC boolean=false, hostNetwork boolean=false,
  hostPID boolean=false, hostUsers boolean=true, hostname string, hostnameOverride string,
  imagePullSecrets []Name, initContainers []Container, nodeName string, nodeSelector {}string,
  os Name, overhead {}any, preemptionPolicy string, priority number, priorityClassName string,
  readinessGates []any, resourceClaims []any, resources Resources, restartPolicy string,
  runtimeClassName string, schedulerName string, schedulingGates []Name, securityContext PodSecurity,
  serviceAccount string, serviceAccountName string, setHostnameAsFQDN boolean=false,
  shareProcessNamespace boolean=false, subdomain string, terminationGracePeriodSeconds number,
  tolerations []Toleration, topologySpreadConstraints []any, volumes []Volume, workloadRef any
Container: args []string, command []string, env []Env, envFrom []any, image string,
  imagePullPolicy string, lifecycle any, livenessProbe any, name string, ports []Port,
  readinessProbe any, resizePolicy []any, resources Resources, restartPolicy string,
  restartPolicyRules []any, securityContext Security, startupProbe any, stdin boolean=false,
  stdinOnce boolean=false, targetContainerName string, terminationMessagePath string,
  terminationMessagePolicy string, tty boolean=false, volumeDevices []any, volumeMounts []Mount,
  workingDir string
Name: name string
Env: name string, value string, valueFrom any
Port: containerPort number, hostIP string, hostPort number, name string, protocol string
Mount: mountPath string, mountPropagation string, name string, readOnly boolean=false,
  recursiveReadOnly string, subPath string, subPathExpr string
Resources: claims []any, limits {}quantity, requests {}quantity
Toleration: effect string, key string, operator string, tolerationSeconds number, value string
Security: allowPrivilegeEscalation boolean=true, appArmorProfile Profile, capabilities Capabilities,
  privileged boolean=false, procMount string, readOnlyRootFilesystem boolean=false, runAsGroup number,
  runAsNonRoot boolean, runAsUser number, seLinuxOptions SELinux, seccompProfile Profile,
  windowsOptions Windows
PodSecurity: appArmorProfile Profile, fsGroup number, fsGroupChangePolicy string, runAsGroup number,
  runAsNonRoot boolean, runAsUser number, seLinuxChangePolicy string, seLinuxOptions SELinux,
  seccompProfile Profile, supplementalGroups []number, supplementalGroupsPolicy string,
  sysctls []Sysctl, windowsOptions Windows
Profile: localhostProfile string, type string
Capabilities: add []string, drop []string
SELinux: level string, role string, type string, user string
Windows: gmsaCredentialSpec string, gmsaCredentialSpecName string, hostProcess boolean=false,
  runAsUserName string
Sysctl: name string, value string
Volume: awsElasticBlockStore any, azureDisk any, azureFile any, cephfs any, cinder any, configMap any,
  csi any, downwardAPI any, emptyDir any, ephemeral any, fc any, flexVolume any, flocker any,
  gcePersistentDisk any, gitRepo any, glusterfs any, hostPath HostPath, image ImageVolume, iscsi any,
  name string, nfs any, persistentVolumeClaim Claim, photonPersistentDisk any, portworxVolume any,
  projected any, quobyte any, rbd any, scaleIO any, secret any, storageos any, vsphereVolume any
HostPath: path string, type string
ImageVolume: pullPolicy string, reference string
Claim: claimName string, readOnly boolean=false
Template: metadata Meta, spec Pod
Meta: annotations {}string, creationTimestamp string, deletionGracePeriodSeconds number,
  deletionTimestamp string, finalizers []string, generateName string, generation number,
  labels {}string, managedFields []any, name string, namespace string, ownerReferences []Owner,
  resourceVersion string, selfLink string, uid string
Owner: apiVersion string, blockOwnerDeletion boolean=false, controller boolean=false, kind string,
  name string, uid string
Deployment: minReadySeconds number, paused boolean=false, progressDeadlineSeconds number,
  replicas number, revisionHistoryLimit number, selector any, strategy any, template Template
ReplicaSet: minReadySeconds number, replicas number, selector any, template Template
ReplicationController: minReadySeconds number, replicas number, selector any, template Template
StatefulSet: minReadySeconds number, ordinals any, persistentVolumeClaimRetentionPolicy any,
  podManagementPolicy string, replicas number, revisionHistoryLimit number, selector any,
  serviceName string, template Template, updateStrategy any, volumeClaimTemplates []any
DaemonSet: minReadySeconds number, revisionHistoryLimit number, selector any, template Template,
  updateStrategy any
Job: activeDeadlineSeconds number, backoffLimit number, backoffLimitPerIndex number,
  completionMode string, completions number, managedBy string, manualSelector boolean=false,
  maxFailedIndexes number, parallelism number, podFailurePolicy any, podReplacementPolicy string,
  selector any, successPolicy any, suspend boolean=false, template Template,
  ttlSecondsAfterFinished number
CronJob: concurrencyPolicy string, failedJobsHistoryLimit number, jobTemplate JobTemplate,
  schedule string, startingDeadlineSeconds number, successfulJobsHistoryLimit number,
  suspend boolean=false, timeZone string
JobTemplate: metadata Meta, spec Job
Type: apiVersion string, kind string
ImageConfig: architecture string, author string, config ImageRuntime, container string,
  container_config any, created string, docker_version string, history []History, os string,
  os.features []string, os.version string, rootfs any, variant string
ImageRuntime: ArgsEscaped boolean=false, Cmd []string, Domainname string, Entrypoint []string,
  Env []string, ExposedPorts {}any, Healthcheck any, Hostname string, Image string, Labels {}string,
  MacAddress string, NetworkDisabled boolean=false, OnBuild []string, OpenStdin boolean=false,
  Shell []string, StdinOnce boolean=false, StopSignal string, Tty boolean=false, User string,
  Volumes {}any, WorkingDir string
History: author string, comment string, created string, created_by string, empty_layer boolean=false
"""

WORKLOADS: Mapping[str, str] = {
    "pods": "Pod",
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "replicationcontrollers": "ReplicationController",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
}
"""Plural of a kind -> type of its spec; the type is the kind's name."""

MATCHES = "any"
"""Type of `input.authorityMatches`: what it holds depends on the authorities."""


@cache
def fields_of(type_: str) -> Mapping[str, str]:
    """Field -> type of an object type; empty for what has no fields of its own."""
    return _table().get(type_, {})


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for entry in _TYPES.replace("\n  ", " ").strip().splitlines():
        name, _, fields = entry.partition(": ")
        table[name] = dict(field.split() for field in fields.split(", "))
    return table
