#!/usr/bin/env bash
# Builds report/page/echarts.min.js from the npm packages that package-lock.json pins, in a temporary folder. Run it after
# a change of entry.js or of a version; the result is committed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
page=$here/../../report/page
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here"/package.json "$here"/package-lock.json "$here"/entry.js "$work"
cd "$work"
npm ci --omit-lockfile-registry-resolved --no-audit --no-fund --silent
version=$(node -p 'require("echarts/package.json").version')
npx --no-install esbuild entry.js --bundle --minify --format=iife --global-name=echarts --target=es2019 \
  --define:process.env.NODE_ENV='"production"' --define:__DEV__=false --legal-comments=none --charset=ascii --outfile=bundle.js --log-level=warning

{
  echo "/*! Apache ECharts $version, reduced to what internal/echarts/entry.js names. Licensed under the Apache License, Version 2.0: see the licences at the end of the page. */"
  cat bundle.js
} >"$page/echarts.min.js"
cp node_modules/echarts/LICENSE "$page/ECHARTS-LICENSE"
cp node_modules/echarts/NOTICE "$page/NOTICE"
cp node_modules/echarts/licenses/LICENSE-d3 "$page/D3-LICENSE"
{ cat node_modules/zrender/LICENSE; echo; } >"$page/ZRENDER-LICENSE"
wc -c "$page/echarts.min.js"
