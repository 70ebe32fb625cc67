# shellcheck shell=sh
# For the scripts that install something while an image is built; sourced by them.
# codexctl hands extra certificate authorities over as `ftp_proxy=pem:BASE64`. Builders keep the predefined proxy arguments
# out of the image's history and of the cache's keys, and nothing here speaks FTP: it is the one way into a step that leaves
# nothing in the image and that every builder has. They are trusted until the script ends, or for good with KEEP_AUTHORITIES.

authority_file=/usr/local/share/ca-certificates/codexctl.crt
authority_bundle=/etc/ssl/certs/ca-certificates.crt

forget_authorities() {
    if [ -n "${KEEP_AUTHORITIES-}" ]; then
        ! command -v update-ca-certificates >/dev/null || update-ca-certificates >/dev/null
        return 0
    fi
    rm -f "$authority_file"
    if command -v update-ca-certificates >/dev/null; then
        update-ca-certificates --fresh >/dev/null
    elif [ -f "$authority_bundle.before" ]; then
        cat "$authority_bundle.before" >"$authority_bundle"
    else
        rm -f "$authority_bundle"
    fi
    rm -f "$authority_bundle.before"
}

case ${ftp_proxy-} in
pem:*)
    mkdir -p "${authority_file%/*}" "${authority_bundle%/*}"
    printf %s "${ftp_proxy#pem:}" | base64 -d >"$authority_file"
    [ ! -f "$authority_bundle" ] || cp "$authority_bundle" "$authority_bundle.before"
    cat "$authority_file" >>"$authority_bundle"
    trap forget_authorities EXIT
    export PIP_CERT="$authority_bundle" CURL_CA_BUNDLE="$authority_bundle" NODE_EXTRA_CA_CERTS="$authority_file"
    echo "codexctl: this step trusts $(grep -c 'BEGIN CERTIFICATE' "$authority_file") extra certificate authorities"
    ;;
esac
unset ftp_proxy FTP_PROXY
