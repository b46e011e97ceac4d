# A static binary and nothing else: no shell, no package manager, no root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags='-s -w' -o /out/aceso ./cmd/aceso \
 && mkdir -m 700 /out/data /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/aceso /aceso
USER 65532:65532
# Listening beyond loopback also needs ACESO_BASE_URL, and ACESO_TLS_CERT with
# ACESO_TLS_KEY, or ACESO_INSECURE_LISTEN=true behind something that provides TLS.
ENV ACESO_DATA=/data ACESO_LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/aceso"]
CMD ["serve"]
