// Reading an honest log from a server that answers what it likes: what is submitted is what a
// witness cosigns, and nothing that the server does makes the log look like one that forked.
// Input: old size 2, size 2, then for each tile: what is done to it 1, where 2.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "tests/witness/tiled_log.h"
#include "witness/feeding.h"

namespace witan {
namespace {

constexpr std::size_t kFuzzedLogSize = 70'000;

class FuzzedServer {
 public:
  FuzzedServer(const test::TiledLog& log, BytesView input) : log_(log), input_(input) {}

  std::size_t number() {
    const std::size_t high = byte();
    return high * 256 + byte();
  }

  Result<FeedBody> get(const std::string& target, std::size_t size) {
    FeedBody out = log_.get(target, size);
    if (target == "/checkpoint") return out;
    const unsigned what = byte() % 8;
    const std::size_t where = number();
    if (what == 1) out = FeedBody{404, {}, {}};
    if (what == 2) out.body.resize(where);
    if (what == 3 && !out.body.empty()) out.body[where % out.body.size()] ^= 1;
    if (what == 4) return fail(ErrorCode::kTimeout, "late");
    if (what == 5) out = log_.get(target, kFuzzedLogSize);
    if (what == 6) out.status = static_cast<unsigned>(where);
    return out;
  }

 private:
  std::uint8_t byte() {
    if (at_ == input_.size()) return 0;
    return input_[at_++];
  }

  const test::TiledLog& log_;
  BytesView input_;
  std::size_t at_ = 0;
};

}  // namespace
}  // namespace witan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  static const test::TiledLog log(kFuzzedLogSize);
  FuzzedServer server(log, BytesView(data, size));
  const std::size_t from = 1 + server.number();
  const std::size_t to = 1 + server.number();
  const CosignMark mark = log.mark(from);
  const auto result = test::read_log(
      log.target(mark), [&](const std::string& target) { return server.get(target, to); });
  const std::string outcome = result.outcome();
  if (outcome == "forked" || (outcome == "shrunk") != (to < from)) std::abort();
  if ((outcome == "unchanged") != (to == from)) std::abort();
  if (const AddCheckpointRequest* request = result.request()) {
    if (!check_cosignable(*request, std::span(&log.key.vkey, 1), mark, "w")) std::abort();
  }
  return 0;
}
