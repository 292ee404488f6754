# A container with the program and nothing else. Mount the folder with the manifest
# and its files at /work; the state is kept beside the manifest.
#
#   docker build --build-arg VERSION=v1.0.0 -t migrate .
#   docker run --rm -v "$PWD:/work" -e SHOWPAD_SUBDOMAIN -e SHOWPAD_TOKEN migrate run manifest.yaml
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY pkg pkg
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.buildVersion=$VERSION" -o /migrate ./cmd/migrate
RUN mkdir -m 1777 /scratch-tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /scratch-tmp /tmp
COPY --from=build /migrate /migrate
COPY LICENSE /
# Files made in the mounted folder belong to this user: give --user "$(id -u):$(id -g)"
# to make them yours. HOME holds sign-ins; mount a volume there to keep them.
USER 65532:65532
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["/migrate"]
