# syntax=docker/dockerfile:1
# Two images from one file: `--target sidecar` runs `umbra serve`, `--target gateway` (the default) also holds Envoy, for `umbra up`.
# Neither has a shell or a package manager; both run as a user without rights and need no file system that can be written to.
FROM node:22.23.3-bookworm-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates python3 python3-pip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN npm run --silent setup && node scripts/container-files.mjs --envoy --to /image

FROM scratch AS sidecar
COPY --from=build /image/runtime /
COPY --from=build /image/umbra /
ENV NODE_ENV=production
USER 65532:65532
# What clients of the gRPC and the admin interface reach; bind them where the pod's probes and its gateway can reach them.
EXPOSE 9002 9090
ENTRYPOINT ["/usr/bin/node", "/app/bin/umbra.js"]
CMD ["serve", "--help"]

FROM sidecar AS gateway
COPY --from=build /image/envoy /
ENV ENVOY_BIN=/usr/bin/envoy
EXPOSE 8080
CMD ["up", "--help"]
