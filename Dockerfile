# Built from a checkout: docker build -t weir .
FROM node:26-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# The image has its Node already: the pinned one is for checkouts on other machines.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /srv/weir
COPY --from=build /src/package.json /src/config.example.yaml ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/providers providers
COPY --from=build /src/dist dist
# node:26-slim brings the user node (1000); data belongs to it.
RUN mkdir /data && chown node:node /data
USER node
WORKDIR /data
EXPOSE 8787
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/srv/weir/dist/bin/weir.js"]
CMD ["serve", "--config", "/etc/weir/config.yaml"]
