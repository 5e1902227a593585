// GET /proof/inclusion and /proof/consistency: JSON, or RFC 9942 receipts when asked for with
// Accept.

#include <nlohmann/json.hpp>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "ledger/tree/proof.h"
#include "node/api/problems.h"
#include "node/api/routes.h"
#include "node/tile_cache.h"

namespace witan::api {
namespace {

bool wants_receipt(const http::Request& request) {
  const auto accept = request.header("accept");
  return accept && (accept->find("application/cose") != std::string_view::npos ||
                    accept->find("application/scitt-receipt+cose") != std::string_view::npos);
}

Result<std::optional<std::uint64_t>> number(const http::Request& request, std::string_view name) {
  WITAN_ASSIGN(const auto text, request.parameter(name));
  if (!text) return std::optional<std::uint64_t>();
  auto value = decimal_decode(*text);
  if (!value) return fail(value.error().within("parameter '" + std::string(name) + "'"));
  return std::optional<std::uint64_t>(*value);
}

// The tree size asked for under `name`, or the published one; kNotFound above it.
Result<TreeSize> size_parameter(const http::Request& request, std::string_view name,
                                ReadView& view) {
  WITAN_ASSIGN(const auto head, view.published());
  if (!head) return fail(ErrorCode::kNotFound, "this log has not published a checkpoint yet");
  WITAN_ASSIGN(const auto asked, number(request, name));
  const TreeSize published = head->head.head.size;
  if (!asked) return published;
  if (*asked > published.value) {
    return fail(ErrorCode::kNotFound, "parameter '" + std::string(name) +
                                          "': the published tree has " +
                                          std::to_string(published.value) + " leaves, asked for " +
                                          std::to_string(*asked));
  }
  return TreeSize{*asked};
}

Result<LeafIndex> leaf_parameter(const http::Request& request, ReadView& view) {
  WITAN_ASSIGN(const auto index, number(request, "index"));
  WITAN_ASSIGN(const auto id, request.parameter("id"));
  if (index.has_value() == id.has_value()) {
    return fail(
        ErrorCode::kMalformed,
        "expected exactly one of the parameters 'index' (a number) and 'id' (64 hex characters)");
  }
  if (index) return LeafIndex{*index};
  WITAN_ASSIGN(const Hash32 entry, parse_locator(*id));
  WITAN_ASSIGN(const auto found, view.find(entry));
  if (!found) return fail(ErrorCode::kNotFound, "no statement " + *id + " is in this log");
  return *found;
}

nlohmann::json hashes_json(const std::vector<Hash32>& hashes) {
  nlohmann::json list = nlohmann::json::array();
  for (const Hash32& hash : hashes) list.push_back(base64_encode(hash));
  return list;
}

Result<SignedHead> signed_head_at(ReadView& view, TreeSize size) {
  WITAN_ASSIGN(auto head, view.head_at(size));
  if (!head) {
    return fail(ErrorCode::kNotFound, "no signed head has size " + std::to_string(size.value) +
                                          "; a receipt needs one, JSON does not");
  }
  return head->head;
}

Result<http::Response> inclusion(const Context& context, const http::Request& request) {
  WITAN_ASSIGN(const auto view, context.log.store().read());
  WITAN_ASSIGN(const TreeSize size, size_parameter(request, "size", *view));
  WITAN_ASSIGN(const LeafIndex index, leaf_parameter(request, *view));
  if (!(index < size)) {
    return fail(ErrorCode::kNotFound, "leaf " + std::to_string(index.value) +
                                          " is not in a tree of " + std::to_string(size.value) +
                                          " leaves");
  }
  const NodeReader nodes = nodes_of(*view, context.log.tiles(), size);
  WITAN_ASSIGN(auto path, inclusion_proof(index, size, nodes));
  if (wants_receipt(request)) {
    WITAN_ASSIGN(const SignedHead head, signed_head_at(*view, size));
    return http::Response::bytes(
        200, "application/cose",
        encode_inclusion_receipt(head.cose_protected, head.cose_signature,
                                 InclusionProof{size, index, std::move(path)}, std::nullopt));
  }
  WITAN_ASSIGN(const Hash32 entry, view->entry(index));
  WITAN_ASSIGN(const Hash32 root, tree_root(size, nodes));
  const nlohmann::json body = {{"origin", context.log.identity().origin},
                               {"size", size.value},
                               {"root", base64_encode(root)},
                               {"index", index.value},
                               {"leaf_hash", base64_encode(leaf_hash(entry))},
                               {"path", hashes_json(path)}};
  return http::Response::text(200, "application/json", body.dump() + "\n");
}

Result<http::Response> consistency(const Context& context, const http::Request& request) {
  WITAN_ASSIGN(const auto view, context.log.store().read());
  WITAN_ASSIGN(const auto from, number(request, "from"));
  if (!from) return fail(ErrorCode::kMalformed, "expected the parameter 'from', a tree size");
  WITAN_ASSIGN(const TreeSize to, size_parameter(request, "to", *view));
  if (*from > to.value) {
    return fail(ErrorCode::kMalformed, "parameter 'from' is " + std::to_string(*from) +
                                           ", above 'to', which is " + std::to_string(to.value));
  }
  const NodeReader nodes = nodes_of(*view, context.log.tiles(), to);
  WITAN_ASSIGN(auto path, consistency_proof(TreeSize{*from}, to, nodes));
  if (wants_receipt(request)) {
    WITAN_ASSIGN(const SignedHead head, signed_head_at(*view, to));
    return http::Response::bytes(
        200, "application/cose",
        encode_consistency_receipt(head.cose_protected, head.cose_signature,
                                   ConsistencyProof{TreeSize{*from}, to, std::move(path)}));
  }
  WITAN_ASSIGN(const Hash32 root_from, tree_root(TreeSize{*from}, nodes));
  WITAN_ASSIGN(const Hash32 root_to, tree_root(to, nodes));
  const nlohmann::json body = {{"origin", context.log.identity().origin},
                               {"from", *from},
                               {"to", to.value},
                               {"root_from", base64_encode(root_from)},
                               {"root_to", base64_encode(root_to)},
                               {"path", hashes_json(path)}};
  return http::Response::text(200, "application/json", body.dump() + "\n");
}

}  // namespace

http::Response get_inclusion_proof(const Context& context, const http::Request& request) {
  auto response = inclusion(context, request);
  return response ? std::move(*response) : problem_for(request.path, response.error());
}

http::Response get_consistency_proof(const Context& context, const http::Request& request) {
  auto response = consistency(context, request);
  return response ? std::move(*response) : problem_for(request.path, response.error());
}

}  // namespace witan::api
