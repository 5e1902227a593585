#include "ledger/crypto/sha256.h"

#include <array>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "ledger/crypto/secret.h"
#include "ledger/encoding.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/random.h"
#include "ledger/ports/signer.h"
#include "tests/support/catch.h"

namespace witan {

TEST_CASE("sha256: the examples of FIPS 180-4") {
  CHECK(hex_encode(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_encode(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex_encode(sha256(as_bytes(std::string(1'000'000, 'a')))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hex_encode(empty_root()) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(BytesView()) == empty_root());
}

TEST_CASE("sha256: parts hash as their concatenation") {
  CHECK(sha256({as_bytes("a"), as_bytes(""), as_bytes("bc")}) == sha256(as_bytes("abc")));
}

TEST_CASE("sha256: leaves and nodes are told apart by their first byte, at every length") {
  for (std::size_t size = 0; size < 200; ++size) {
    const Bytes entry(size, 0x5a);
    const Bytes prefix(1, 0);
    CHECK(leaf_hash(entry) == sha256({prefix, entry}));
  }
  const Hash32 left = sha256(as_bytes("left"));
  const Hash32 right = sha256(as_bytes("right"));
  const Bytes prefix(1, 1);
  CHECK(node_hash(left, right) == sha256({prefix, left, right}));
  CHECK(node_hash(left, right) != node_hash(right, left));
}

TEST_CASE("sha256: threads hash at the same time without disturbing each other") {
  const Hash32 start = sha256(as_bytes("start"));
  const auto chain = [&start] {
    Hash32 hash = start;
    for (int i = 0; i < 2'000; ++i) hash = node_hash(hash, start);
    return hash;
  };
  const Hash32 expected = chain();
  std::array<Hash32, 4> found{};
  std::vector<std::thread> threads;
  for (Hash32& slot : found) threads.emplace_back([&slot, &chain] { slot = chain(); });
  for (std::thread& thread : threads) thread.join();
  for (const Hash32& hash : found) CHECK(hash == expected);
}

TEST_CASE("secret: comparison sees length and every byte, and wiping leaves nothing") {
  init_crypto();
  init_crypto();
  Bytes secret(32);
  fill_random(secret);
  CHECK(equal_secret(secret, Bytes(secret)));
  CHECK(equal_secret({}, {}));
  CHECK(!equal_secret(secret, BytesView(secret).first(31)));
  for (std::size_t i = 0; i < secret.size(); ++i) {
    Bytes other = secret;
    other[i] ^= 0x80;
    CHECK(!equal_secret(secret, other));
    CHECK(!equal(secret, other));
  }
  CHECK(equal(secret, Bytes(secret)));
  std::string text = "key";
  wipe(secret);
  wipe(text);
  CHECK(secret.empty());
  CHECK(text.empty());
}

TEST_CASE("ports: the system's random bytes differ and its steady clock does not go back") {
  Hash32 first{};
  Hash32 second{};
  system_random().fill(first);
  system_random().fill(second);
  CHECK(first != second);
  const auto before = system_clock().steady_ms();
  CHECK(system_clock().steady_ms() >= before);
  CHECK(system_clock().unix_ms() > 1'700'000'000'000);
}

TEST_CASE("ports: grades have names and order") {
  for (const Grade grade : {Grade::kSim, Grade::kProcess, Grade::kTpm, Grade::kTee}) {
    CHECK(grade_from_name(to_string(grade)) == grade);
  }
  CHECK(Grade::kProcess < Grade::kTpm);
  CHECK(grade_from_name("TPM").error().code == ErrorCode::kMalformed);
  CHECK_THAT(grade_from_name(std::string(5'000, 'x')).error().message,
             ContainsSubstring("expected sim, process, tpm or tee"));
}

}  // namespace witan
