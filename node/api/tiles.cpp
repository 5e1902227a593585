// C2SP tlog-tiles, with Witan's statement bundles, and the newest checkpoint.

#include "config/limits.h"
#include "ledger/tree/tile.h"
#include "node/api/problems.h"
#include "node/api/routes.h"

namespace witan::api {
namespace {

// An entry bundle: every entry with its length as big-endian uint16 (always 32).
Bytes entry_bundle(BytesView entries) {
  Bytes out;
  out.reserve(entries.size() / 32 * 34);
  for (std::size_t at = 0; at < entries.size(); at += 32) {
    out.push_back(0);
    out.push_back(32);
    append(out, entries.subspan(at, 32));
  }
  return out;
}

// Statement bundles can be large, because statements can.
Result<Bytes> statement_bundle(ReadView& view, LeafIndex start, std::uint32_t count) {
  WITAN_ASSIGN(const auto pieces, view.statement_bundle(start, count));
  std::size_t size = 0;
  for (const BytesView piece : pieces) size += piece.size();
  if (size > limits::kBundleBytesServedMax) {
    return fail(ErrorCode::kTooLarge, "the bundle has " + std::to_string(size) +
                                          " bytes, above the " +
                                          std::to_string(limits::kBundleBytesServedMax) +
                                          " that are served in one answer; its statements are at "
                                          "/entries/{id}/statement, one by one");
  }
  Bytes out;
  out.reserve(size);
  for (const BytesView piece : pieces) append(out, piece);
  return out;
}

Result<Bytes> tile_body(ReadView& view, const TilePath& path) {
  const LeafIndex start{path.tile.index * kTileWidth};
  switch (path.kind) {
    case TileKind::kHashes: {
      WITAN_ASSIGN(const BytesView hashes, view.tile(path.tile, path.width));
      return to_bytes(hashes);
    }
    case TileKind::kEntries: {
      WITAN_ASSIGN(const BytesView entries, view.entries(start, path.width));
      return entry_bundle(entries);
    }
    case TileKind::kStatements:
      return statement_bundle(view, start, path.width);
  }
  return fail(ErrorCode::kNotFound, "no such kind of tile");
}

}  // namespace

http::Response get_checkpoint(const Context& context) {
  auto view = context.log.store().read();
  if (!view) return problem_for("/checkpoint", view.error());
  auto head = (*view)->published();
  if (!head) return problem_for("/checkpoint", head.error());
  if (!*head) return json_problem(404, "Not Found", "this log has not published a checkpoint yet");
  const PublishedHead& newest = **head;
  return http::Response::text(200, "text/plain; charset=utf-8",
                              newest.witnessed.empty() ? newest.checkpoint : newest.witnessed)
      .with("Cache-Control", "no-cache");
}

http::Response get_tile(const Context& context, const http::Request& request) {
  const auto path = parse_tile_path(std::string_view(request.path).substr(1));
  if (!path) return problem_for(request.path, path.error());
  // Its content never changes, so its name is its tag.
  const std::string etag = "\"" + request.path.substr(1) + "\"";
  if (matches_etag(request, etag)) return immutable(request, etag, {});

  auto view = context.log.store().read();
  if (!view) return problem_for(request.path, view.error());
  auto head = (*view)->published();
  if (!head) return problem_for(request.path, head.error());
  const TreeSize size = *head ? (*head)->head.head.size : TreeSize{};
  const std::uint32_t width = tile_width(path->tile, size);
  if (width < path->width) {
    return json_problem(404, "Not Found",
                        "the tile has " + std::to_string(width) +
                            " hashes in the published tree of " + std::to_string(size.value) +
                            " leaves, asked for " + std::to_string(path->width));
  }
  auto body = tile_body(**view, *path);
  if (!body) return problem_for(request.path, body.error());
  return immutable(request, etag,
                   http::Response::bytes(200, "application/octet-stream", std::move(*body)));
}

bool matches_etag(const http::Request& request, std::string_view etag) {
  const auto wanted = request.header("if-none-match");
  return wanted && (*wanted == "*" || wanted->find(etag) != std::string_view::npos);
}

http::Response immutable(const http::Request& request, std::string_view etag,
                         http::Response response) {
  if (matches_etag(request, etag)) {
    response = {};
    response.status = 304;
  }
  return std::move(response)
      .with("ETag", std::string(etag))
      .with("Cache-Control", "public, max-age=31536000, immutable");
}

}  // namespace witan::api
