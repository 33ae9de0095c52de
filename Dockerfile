# The whole workspace, built, then only the binary in a small image. Needs no BuildKit.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p weir && cp target/release/weir /weir
# A folder with the right owner: a new volume takes it over.
RUN mkdir -m 700 /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /weir /usr/local/bin/weir
COPY --from=build --chown=nonroot:nonroot /data /var/lib/weir
ENV WEIR_NODE__DATA=/var/lib/weir
WORKDIR /var/lib/weir
VOLUME /var/lib/weir
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/usr/local/bin/weir", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/weir"]
CMD ["serve"]
