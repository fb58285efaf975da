"""Holds Kubernetes manifests to Kubernetes' own schemas, and to what no schema says: check-deploy.py FILE…

Of a Compose file, which has no kind, it looks at what its services name of each other and at their time to end in. Strict: an unknown field, a kind that no schema describes and a key that stands there twice are errors. Needs the packages of
scripts/test-deploy-requirements.txt (scripts/install-test-tools.sh puts them into target/test/kubernetes). Prints what is wrong, one
line each, and exits 1 where there is something.
"""

import sys

import kubernetes_validate
import yaml

# The oldest that the manifests are for, and the newest there is a schema of.
VERSIONS = ("1.31", kubernetes_validate.latest_version().rpartition(".")[0])


class Once(yaml.SafeLoader):
    """YAML in which no key comes twice: others take the last one without a word."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def against_schemas(resource):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def selected(labels, selector):
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def seconds(settings, name, default):
    return float(settings.get(name, default))


def grace(name, given, settings):
    """The time to end in, and what a server needs of it."""
    needed = seconds(settings, "LOOKALIKE_SHUTDOWN_DELAY", 0) + seconds(settings, "LOOKALIKE_DRAIN_TIMEOUT", 20)
    if given <= needed:
        yield f"{name} is {given:g}: shutdown delay and drain take {needed:g}"


def compose(file):
    services = file["services"]
    for name, service in services.items():
        environment = service.get("environment", {})
        named = list(service.get("depends_on", []))
        named += [value.partition(":")[0] for key, value in environment.items() if key.startswith("REPLICA_")]
        for other in named:
            if other not in services:
                yield f"{name} names {other}, and there is no such service"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.isalpha() and source not in file.get("volumes", {}):
                yield f"{name} names the volume {source}, and there is none"
        if any(key.startswith("LOOKALIKE_") for key in environment):
            given = float(service.get("stop_grace_period", "10s").rstrip("s"))
            yield from grace(f"stop_grace_period of {name}", given, environment)


def belong_together(resources):
    """Whether what names other resources of the file means some that are there."""
    def of(kind):
        return [resource for resource in resources if resource["kind"] == kind]

    settings = {}
    for config in of("ConfigMap"):
        settings.update(config["data"])
    for deployment in of("Deployment"):
        name, labels = deployment["metadata"]["name"], deployment["spec"]["template"]["metadata"]["labels"]
        given = deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        yield from grace("terminationGracePeriodSeconds", given, settings)
        known = {config["metadata"]["name"] for config in of("ConfigMap")}
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            for source in container.get("envFrom", []):
                if source["configMapRef"]["name"] not in known:
                    yield f"there is no ConfigMap {source['configMapRef']['name']}"
        chosen = [(service, service["spec"]["selector"]) for service in of("Service")]
        chosen += [(budget, budget["spec"]["selector"]["matchLabels"]) for budget in of("PodDisruptionBudget")]
        chosen += [(policy, policy["spec"]["podSelector"]["matchLabels"]) for policy in of("NetworkPolicy")]
        chosen.append((deployment, deployment["spec"]["selector"]["matchLabels"]))
        for resource, selector in chosen:
            if not selected(labels, selector):
                yield f"{resource['kind']} {resource['metadata']['name']} does not select the servers"
        for scaler in of("HorizontalPodAutoscaler"):
            if scaler["spec"]["scaleTargetRef"]["name"] != name:
                yield f"the autoscaler is not for {name}"
            elif "replicas" in deployment["spec"]:
                yield f"both {name} and its autoscaler say how many there are"


def check(path):
    with open(path, encoding="utf-8") as file:
        try:
            resources = [resource for resource in yaml.load_all(file, Loader=Once) if resource]
        except yaml.YAMLError as error:
            return [f"{path}: {error}".replace("\n", " ")]
    if not resources:
        return [f"{path}: nothing is in it"]
    if "services" in resources[0]:
        return [f"{path}: {problem}" for problem in compose(resources[0])]
    found = []
    for resource in resources:
        name = f"{resource.get('kind')}/{resource.get('metadata', {}).get('name')}"
        found += [f"{path}: {name}: {problem}" for problem in against_schemas(resource)]
    # What is not as its schema says may lack what is looked at here.
    return found or [f"{path}: {problem}" for problem in belong_together(resources)]


def main():
    problems = [problem for path in sys.argv[1:] for problem in check(path)]
    for problem in problems:
        print(problem)
    if problems or len(sys.argv) < 2:
        sys.exit(1)
    print(f"{len(sys.argv) - 1} files are well; Kubernetes {' and '.join(VERSIONS)}")


main()
