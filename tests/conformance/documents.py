"""The input documents of the suite: as a cluster has them, and as nobody expects them."""

import json

DOCUMENTS = {
    "pod": """{
        "typemeta": {"apiVersion": "v1", "kind": "Pod"},
        "metadata": {
            "name": "shop-web-1", "namespace": "shop", "uid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
            "creationTimestamp": "2024-02-29T12:00:00Z",
            "labels": {"app": "shop", "approved-by": "ann"},
            "annotations": {"config": "{\\"level\\": 3}", "team": "käse"}
        },
        "spec": {
            "containers": [
                {"name": "web", "image": "registry.example.com/shop/web:1.4.0",
                 "ports": [{"containerPort": 80}, {"containerPort": 8443, "hostPort": 443}],
                 "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}},
                {"name": "log", "image": "nginx:latest", "securityContext": {"privileged": true}},
                {"name": "side", "image": "ghcr.io/x/side", "securityContext": {"privileged": false},
                 "ports": [{"containerPort": 9090}], "resources": {"limits": {"cpu": 2, "memory": "64M"}}}
            ],
            "initContainers": [{"name": "init", "image": "registry.example.com/shop/init:2"}],
            "hostNetwork": false, "replicas": 3,
            "securityContext": {"runAsNonRoot": true}
        },
        "numbers": [3, 1.5, -2, 10], "mixed": [1, "a", null, true, ["x"], {"a": 1}],
        "authorityMatches": {"any": {"static": true}}
    }""",
    "bare": """{
        "metadata": {"name": "x", "labels": {}},
        "spec": {"containers": [{"name": "a", "image": "a"}], "hostNetwork": true}
    }""",
    "odd": """{
        "metadata": {"name": 7, "labels": ["app", "shop"], "annotations": null},
        "spec": {"containers": {"web": {"image": "nginx", "name": ["web"]}, "log": "nginx"},
                 "hostNetwork": "false", "replicas": "3", "securityContext": "none"},
        "numbers": ["1", 2, null], "mixed": {"a": {"b": [false]}, "": 0}
    }""",
    "empty": "{}",
    "numbers": """{
        "numbers": [0, 0.1, 1e3, -0.0, 9007199254740991, 2.50],
        "mixed": [[2, 1], [1, 10], {"b": 1}, {"a": 9}, false, 0.5, "10", "9", "ä", "Z"],
        "spec": {"replicas": 2.5, "containers": []}, "exact": 0.5, "big": 7
    }""",
    "large": """{
        "numbers": [9223372036854775807, 18446744073709551616, -1], "spec": {"replicas": 1e3},
        "exact": 0.1234567890123456789, "big": 123456789012345678901234567890
    }""",
}
"""By name, as JSON text: how a number is written may matter."""


def document(name: str) -> bytes:
    """A document on one line."""
    return " ".join(DOCUMENTS[name].split()).encode()


assert all(json.loads(text) is not None for text in DOCUMENTS.values())
