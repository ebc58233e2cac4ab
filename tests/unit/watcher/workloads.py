"""Workload manifests: the smallest of each kind, and a Pod that says nearly everything a Pod can."""

from typing import Any

KINDS = [
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("extensions/v1beta1", "Deployment"),
    ("batch/v1beta1", "CronJob"),
]


def pod(name: str = "web", **spec: Any) -> dict[str, Any]:
    """A Pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "web", "image": "nginx"}], **spec},
    }


def workload(api_version: str, kind: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    """An object of any of the kinds, with this in its Pod spec."""
    inner: dict[str, Any] = pod(name, **spec)["spec"]
    if kind != "Pod":
        inner = {"template": {"metadata": {"labels": {"app": name}}, "spec": inner}}
    if kind == "CronJob":
        inner = {"schedule": "0 * * * *", "jobTemplate": {"spec": inner}}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": inner}


_PROBE = {
    "httpGet": {"path": "/", "port": "http", "httpHeaders": [{"name": "a", "value": "b"}]},
    "periodSeconds": 3,
    "grpc": {"port": 1, "service": "s"},
}
_FULL_CONTAINER: dict[str, Any] = {
    "name": "web",
    "image": "nginx:1.25",
    "command": ["sh"],
    "args": ["-c", "x"],
    "workingDir": "/",
    "ports": [{"name": "http", "containerPort": 80, "hostPort": 8080, "protocol": "TCP", "hostIP": "::"}],
    "envFrom": [{"prefix": "P", "configMapRef": {"name": "a", "optional": True}, "secretRef": {"name": "b"}}],
    "env": [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": False}}},
        {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
    ],
    "resources": {
        "limits": {"cpu": "500m", "memory": "64Mi"},
        "requests": {"cpu": 0.5},
        "claims": [{"name": "c"}],
    },
    "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True, "subPath": "x"}],
    "volumeDevices": [{"name": "d", "devicePath": "/dev/x"}],
    "livenessProbe": _PROBE,
    "startupProbe": {"exec": {"command": ["true"]}},
    "lifecycle": {
        "preStop": {"sleep": {"seconds": 1}},
        "postStart": {"tcpSocket": {"port": 80, "host": "h"}},
    },
    "imagePullPolicy": "Always",
    "securityContext": {
        "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        "privileged": False,
        "runAsUser": 1000,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "procMount": "Default",
        "seLinuxOptions": {"level": "s0", "type": "t"},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "p"},
        "appArmorProfile": {"type": "RuntimeDefault"},
        "windowsOptions": {"hostProcess": False, "runAsUserName": "u"},
    },
    "stdin": True,
    "tty": False,
}
_SELECTOR = {
    "matchLabels": {"a": "b"},
    "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
}
_TERM = {"labelSelector": _SELECTOR, "topologyKey": "t", "namespaces": ["n"], "matchLabelKeys": ["m"]}

FULL_POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "full",
        "namespace": "shop",
        "labels": {"app": "full"},
        "annotations": {"note": "x"},
        "finalizers": ["f"],
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
        ],
    },
    "spec": {
        "containers": [_FULL_CONTAINER],
        "initContainers": [{**_FULL_CONTAINER, "name": "init", "restartPolicy": "Always"}],
        "ephemeralContainers": [{"name": "e", "image": "busybox", "targetContainerName": "web"}],
        "volumes": [
            {"name": "h", "hostPath": {"path": "/", "type": "Directory"}},
            {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {
                "name": "s",
                "secret": {"secretName": "s", "defaultMode": 420, "items": [{"key": "k", "path": "p"}]},
            },
            {"name": "c", "configMap": {"name": "c", "optional": True}},
            {"name": "p", "persistentVolumeClaim": {"claimName": "p", "readOnly": True}},
            {"name": "n", "nfs": {"server": "s", "path": "/"}},
            {
                "name": "d",
                "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.labels"}}]},
            },
            {"name": "i", "image": {"reference": "r", "pullPolicy": "Always"}},
            {"name": "csi", "csi": {"driver": "d", "volumeAttributes": {"a": "b"}}},
            {
                "name": "j",
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                },
            },
            {
                "name": "v",
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}},
                        }
                    }
                },
            },
        ],
        "nodeSelector": {"disk": "ssd"},
        "serviceAccountName": "s",
        "automountServiceAccountToken": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostUsers": True,
        "securityContext": {
            "runAsUser": 1,
            "supplementalGroups": [1, 2],
            "fsGroup": 2,
            "sysctls": [{"name": "a", "value": "b"}],
        },
        "imagePullSecrets": [{"name": "r"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}
                    ]
                }
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": _TERM}]
            },
        },
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "hostAliases": [{"ip": "::1", "hostnames": ["h"]}],
        "priority": 5,
        "dnsConfig": {"nameservers": ["::1"], "options": [{"name": "ndots", "value": "2"}]},
        "readinessGates": [{"conditionType": "c"}],
        "overhead": {"cpu": 1},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "t", "labelSelector": _SELECTOR}],
        "os": {"name": "linux"},
        "resourceClaims": [{"name": "c", "resourceClaimName": "r"}],
    },
}
