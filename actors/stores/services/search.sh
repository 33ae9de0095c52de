# The search server: one JVM of the jars of Maven Central, started by a main class of our own, since there is
# no archive of a distribution in a package registry. Sourced by `services`.

search_prepare() {
  local of=$here/search/$SEARCH home=$root/search
  [[ -d $of ]] || die "SEARCH=$SEARCH is not one of: $(ls "$here/search" | tr '\n' ' ')"
  need mvn maven openjdk-17-jdk-headless
  need javac openjdk-17-jdk-headless
  need curl curl
  mkdir -p "$home/data"
  local wanted
  wanted=$(cat "$of/pom.xml" "$of"/*.java "$here/search/log4j2.properties" | sha256sum)
  [[ $(cat "$home/lib.sha256" 2>/dev/null) == "$wanted" ]] && return 0
  echo "services: fetching the jars of $SEARCH" >&2
  rm -rf "$home/lib" "$home/classes" "$home/app.jsa" "$home/modules" "$home/lib.sha256" "$home/data"
  mkdir -p "$home/data" "$home/config"
  mvn -B -q -f "$of/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$home/lib" >"$home/maven.log" 2>&1 9>&- ||
    { tail -n 20 "$home/maven.log" >&2; die "cannot fetch the jars of $SEARCH"; }
  # In a jar and not in a folder: a folder on the class path switches the archive of classes off.
  javac -nowarn -cp "$home/lib/*" -d "$home/classes" "$of"/*.java >"$home/javac.log" 2>&1 || { cat "$home/javac.log" >&2; die "javac failed"; }
  if [[ -e $of/modules.sh ]]; then
    # shellcheck source=/dev/null
    source "$of/modules.sh"
  fi
  (cd "$home/classes" && jar --create --file "$home/lib/node.jar" .)
  echo "$wanted" >"$home/lib.sha256"
}

search_launch() {
  local home=$root/search archive
  # The archive of classes halves the start; the first run writes it when it ends.
  if [[ -e $home/app.jsa ]]; then
    archive=(-XX:SharedArchiveFile="$home/app.jsa" -Xshare:auto)
  else
    archive=(-XX:ArchiveClassesAtExit="$home/app.jsa")
  fi
  launch search "$search_port" java -Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${archive[@]}" \
    -Dlog4j.shutdownHookEnabled=false -Dlog4j2.configurationFile="$here/search/log4j2.properties" \
    -cp "$home/lib/*" SearchNode \
    path.home="$home" path.data="$home/data" cluster.name=weir-test node.name=weir-test discovery.type=single-node \
    network.host=127.0.0.1 http.port="$search_port" transport.port=$((search_port + 100)) \
    cluster.routing.allocation.disk.threshold_enabled=false
}

search_answers() {
  curl -fs --noproxy '*' --max-time 5 "http://127.0.0.1:$search_port/_cluster/health?wait_for_status=yellow&timeout=2s" >/dev/null
}

search_once() { :; }
