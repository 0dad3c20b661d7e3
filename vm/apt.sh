# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# apt with a state of its own in the cache: finds, checks and downloads
# packages of all releases of Debian, needs no root and leaves the host's
# package database alone. The apt configuration of the host only tells which
# mirror and which proxy to use. Sourced, after lib.sh.

# Where cloud kernels may be. The second list has a mirror of its own.
SUITES='bullseye bookworm bookworm-backports trixie trixie-backports sid'
SECURITY='bullseye-security bookworm-security trixie-security'
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

APT=$CACHE/apt

# "SITE SECURITY_SITE", from COWPIN_MIRROR or the apt of the host.
mirror() {
	local release site main='' security=''

	if [ -n "${COWPIN_MIRROR:-}" ]; then
		read -r main security <<<"$COWPIN_MIRROR"
	else
		# shellcheck disable=SC2016 # apt's placeholders, not ours
		while read -r site release; do
			case $release in
			*-security)	security=${security:-$site} ;;
			stable|testing|unstable|sid|bullseye|bookworm|trixie)
					main=${main:-$site} ;;
			esac
		done < <(apt-get indextargets --format '$(SITE) $(RELEASE)' \
			'Created-By: Packages' 2>/dev/null)
	fi
	[ -n "$main" ] || die "no Debian mirror in the apt configuration of" \
		"this host; name one: COWPIN_MIRROR=URI"
	echo "${main%/} ${security:-${main%/}-security}"
}

write_sources() {
	local site security suite opts="[arch=amd64 signed-by=$KEYRING]"

	read -r site security <<<"$(mirror)"
	[ -n "$site" ] || exit 2
	for suite in $SUITES; do
		echo "deb $opts $site $suite main"
	done
	for suite in $SECURITY; do
		echo "deb $opts $security $suite main"
	done
}

# Old suites keep their last Release file, long past its date: that is why
# Check-Valid-Until is off. Signatures are checked all the same.
write_config() {
	cat <<-EOF
	Dir::State "$APT/state";
	Dir::State::status "$APT/status";
	Dir::Cache "$APT/cache";
	Dir::Cache::srcpkgcache "";
	Dir::Etc::sourcelist "$APT/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::Etc::parts "/dev/null";
	Dir::Etc::main "/dev/null";
	Acquire::Check-Valid-Until "false";
	Acquire::Languages "none";
	Acquire::PDiffs "false";
	Acquire::Retries "2";
	APT::Architecture "amd64";
	APT::Architectures { "amd64"; };
	APT::Install-Recommends "false";
	APT::Sandbox::User "";
	EOF
	# A proxy is the host's business, and needed here too.
	apt-config dump | grep -i '^acquire::https\?::[a-z:]*proxy' || true
}

prepare_apt() {
	have apt-get || die "debian: kernels need apt-get," \
		"which this host lacks; name the path of a bzImage instead"
	[ -e "$KEYRING" ] || die "$KEYRING: not found (see vm/packages)"
	mkdir -p "$APT/state/lists/partial" "$APT/cache/archives/partial"
	: >"$APT/status"
	write_sources >"$APT/sources.list"
	write_config >"$APT/config"
}

apt() {
	local tool=$1

	shift
	APT_CONFIG=$APT/config "apt-$tool" "$@"
}
