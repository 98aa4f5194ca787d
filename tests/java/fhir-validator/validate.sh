#!/usr/bin/env bash
# Validates FHIR R4 resources (json or xml files) offline; ends with 1 if one is invalid.
#   validate.sh [--us-core 6.1.0|7.0.0|8.0.0] [--ig package.tgz]... [--profile url]... [--json] [--errors|--all] [--strict-codes] file...
# Without --profile each resource is held to base R4 and to its own meta.profile.
# Codes of systems that are not in a package (SNOMED CT, LOINC, RxNorm) are not looked up: they give warnings.
# Needs a JDK 17 or newer and mvn (the first time only).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fail() { echo "validate: $1" >&2; exit 2; }
command -v javac >/dev/null || fail "no javac: install a JDK (17 or newer)"
stamp=$(cat "$here/pom.xml" "$here/src/fhirvalidate/Validate.java" "$here/src/logback.xml" | sha256sum | cut -c1-16)
build=$here/.build/$stamp
if [[ ! -f $build/ready ]]; then
  rm -rf "$build"; mkdir -p "$build/classes"
  for try in 1 2 3; do
    mvn -B -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies \
      -DoutputDirectory="$build/lib" -DincludeScope=runtime >&2 && break
    [[ $try != 3 ]] || fail "mvn could not fetch the libraries"
    sleep 5
  done
  javac -nowarn -proc:none -cp "$build/lib/*" -d "$build/classes" "$here/src/fhirvalidate/Validate.java" >&2
  cp "$here/src/logback.xml" "$build/classes/"
  touch "$build/ready"
fi
args=()
while (($#)); do
  case $1 in
    --us-core) args+=(--ig "$here/packages/hl7.fhir.us.core-$2.tgz"); shift 2 ;;
    *) args+=("$1"); shift ;;
  esac
done
exec java "-Xmx${VALIDATE_HEAP:-2g}" -XX:+UseSerialGC -cp "$build/classes:$build/lib/*" fhirvalidate.Validate "${args[@]}"
