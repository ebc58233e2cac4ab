"""Types of containers and their security settings: k8s.io/api core/v1, `Container` and what is below it."""

from watcher.kinds.shapes import (
    Bool,
    Int,
    IntOrText,
    Ints,
    Quantity,
    QuantityMap,
    Text,
    Texts,
    many,
    maybe,
    struct,
)

_SELINUX = struct("SELinuxOptions", user=Text, role=Text, type=Text, level=Text)
_WINDOWS = struct(
    "WindowsSecurityContextOptions",
    gmsaCredentialSpecName=Text,
    gmsaCredentialSpec=Text,
    runAsUserName=Text,
    hostProcess=Bool,
)
_PROFILE = struct("SecurityProfile", type=Text, localhostProfile=Text)

POD_SECURITY_CONTEXT = struct(
    "PodSecurityContext",
    seLinuxOptions=maybe(_SELINUX),
    windowsOptions=maybe(_WINDOWS),
    runAsUser=Int,
    runAsGroup=Int,
    runAsNonRoot=Bool,
    supplementalGroups=Ints,
    supplementalGroupsPolicy=Text,
    fsGroup=Int,
    fsGroupChangePolicy=Text,
    sysctls=many(struct("Sysctl", name=Text, value=Text)),
    seccompProfile=maybe(_PROFILE),
    appArmorProfile=maybe(_PROFILE),
    seLinuxChangePolicy=Text,
)
_SECURITY_CONTEXT = struct(
    "SecurityContext",
    capabilities=maybe(struct("Capabilities", add=Texts, drop=Texts)),
    privileged=Bool,
    seLinuxOptions=maybe(_SELINUX),
    windowsOptions=maybe(_WINDOWS),
    runAsUser=Int,
    runAsGroup=Int,
    runAsNonRoot=Bool,
    readOnlyRootFilesystem=Bool,
    allowPrivilegeEscalation=Bool,
    procMount=Text,
    seccompProfile=maybe(_PROFILE),
    appArmorProfile=maybe(_PROFILE),
)
_KEY_REF = struct("KeySelector", name=Text, key=Text, optional=Bool)
_ENV = struct(
    "EnvVar",
    name=Text,
    value=Text,
    valueFrom=maybe(
        struct(
            "EnvVarSource",
            fieldRef=maybe(struct("FieldRef", apiVersion=Text, fieldPath=Text)),
            resourceFieldRef=maybe(
                struct("ResourceFieldRef", containerName=Text, resource=Text, divisor=Quantity)
            ),
            configMapKeyRef=maybe(_KEY_REF),
            secretKeyRef=maybe(_KEY_REF),
            fileKeyRef=maybe(struct("FileKeyRef", volumeName=Text, path=Text, key=Text, optional=Bool)),
        )
    ),
)
_ENV_FROM = struct(
    "EnvFromSource",
    prefix=Text,
    configMapRef=maybe(struct("ConfigMapEnvSource", name=Text, optional=Bool)),
    secretRef=maybe(struct("SecretEnvSource", name=Text, optional=Bool)),
)
_EXEC = struct("ExecAction", command=Texts)
_HTTP_GET = struct(
    "HTTPGetAction",
    path=Text,
    port=IntOrText,
    host=Text,
    scheme=Text,
    httpHeaders=many(struct("HTTPHeader", name=Text, value=Text)),
)
_TCP_SOCKET = struct("TCPSocketAction", port=IntOrText, host=Text)
_PROBE = struct(
    "Probe",
    exec=maybe(_EXEC),
    httpGet=maybe(_HTTP_GET),
    tcpSocket=maybe(_TCP_SOCKET),
    grpc=maybe(struct("GRPCAction", port=Int, service=Text)),
    initialDelaySeconds=Int,
    timeoutSeconds=Int,
    periodSeconds=Int,
    successThreshold=Int,
    failureThreshold=Int,
    terminationGracePeriodSeconds=Int,
)
_HANDLER = struct(
    "LifecycleHandler",
    exec=maybe(_EXEC),
    httpGet=maybe(_HTTP_GET),
    tcpSocket=maybe(_TCP_SOCKET),
    sleep=maybe(struct("SleepAction", seconds=Int)),
)
RESOURCES = struct(
    "ResourceRequirements",
    limits=QuantityMap,
    requests=QuantityMap,
    claims=many(struct("ResourceClaim", name=Text, request=Text)),
)
_CONTAINER_FIELDS = {
    "name": Text,
    "image": Text,
    "command": Texts,
    "args": Texts,
    "workingDir": Text,
    "ports": many(
        struct("ContainerPort", name=Text, hostPort=Int, containerPort=Int, protocol=Text, hostIP=Text)
    ),
    "envFrom": many(_ENV_FROM),
    "env": many(_ENV),
    "resources": maybe(RESOURCES),
    "restartPolicy": Text,
    "volumeMounts": many(
        struct(
            "VolumeMount",
            name=Text,
            readOnly=Bool,
            recursiveReadOnly=Text,
            mountPath=Text,
            subPath=Text,
            mountPropagation=Text,
            subPathExpr=Text,
        )
    ),
    "volumeDevices": many(struct("VolumeDevice", name=Text, devicePath=Text)),
    "livenessProbe": maybe(_PROBE),
    "readinessProbe": maybe(_PROBE),
    "startupProbe": maybe(_PROBE),
    "lifecycle": maybe(
        struct("Lifecycle", postStart=maybe(_HANDLER), preStop=maybe(_HANDLER), stopSignal=Text)
    ),
    "terminationMessagePath": Text,
    "terminationMessagePolicy": Text,
    "imagePullPolicy": Text,
    "securityContext": maybe(_SECURITY_CONTEXT),
    "stdin": Bool,
    "stdinOnce": Bool,
    "tty": Bool,
}
CONTAINER = struct("Container", **_CONTAINER_FIELDS)
EPHEMERAL_CONTAINER = struct("EphemeralContainer", targetContainerName=Text, **_CONTAINER_FIELDS)
