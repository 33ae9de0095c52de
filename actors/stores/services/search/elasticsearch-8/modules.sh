# Elasticsearch 8 loads HTTP only as a module: a folder with its jars and a descriptor. Those jars must not be
# on the server's class path too. Sourced by `search_prepare`.
module=$home/modules/transport-netty4
mkdir -p "$module" "$home/greeting"
mv "$home"/lib/transport-netty4-*.jar "$home"/lib/netty-*.jar "$module/"
(cd "$home/greeting" && jar -xf "$module"/transport-netty4-*.jar META-INF/es-plugins/transport-netty4/plugin-descriptor.properties)
# Without its module name: the server runs from the class path.
grep -v '^modulename=' "$home/greeting/META-INF/es-plugins/transport-netty4/plugin-descriptor.properties" >"$module/plugin-descriptor.properties"
rm -rf "$home/greeting"
module=$home/modules/greeting
mkdir -p "$module" "$home/greeting-classes"
mv "$home"/classes/Greeting*.class "$home/greeting-classes/"
(cd "$home/greeting-classes" && jar --create --file "$module/greeting.jar" .)
version=$(ls "$home"/lib/elasticsearch-8.*.jar | sed 's/.*elasticsearch-\(.*\)\.jar/\1/')
cat >"$module/plugin-descriptor.properties" <<DESCRIPTOR
name=greeting
description=GET /
version=$version
elasticsearch.version=$version
java.version=17
classname=Greeting
DESCRIPTOR
