// witan keygen: a signing key for an issuer.

#include <cstdio>
#include <memory>

#include "config/file.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/encoding.h"
#include "ledger/format/cose.h"
#include "node/cli/cli.h"
#include "node/cli/options.h"

namespace witan::cli {
namespace {

struct KeygenArguments {
  std::string out;
  std::string algorithm = "ed25519";
  bool json = false;
};

Result<void> run_keygen(const KeygenArguments& options) {
  const KeyKind kind = options.algorithm == "es256"   ? KeyKind::kP256
                       : options.algorithm == "es384" ? KeyKind::kP384
                                                      : KeyKind::kEd25519;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(kind));
  std::string pem = key.to_pem();
  auto created = create_secret_file(options.out, pem);
  wipe(pem);
  WITAN_TRY(std::move(created));
  const std::string public_file = options.out + ".pub";
  WITAN_TRY(write_file_atomic(public_file, key.public_key().pem(), 0644));
  print_facts({{"private_key", options.out},
               {"public_key", public_file},
               {"kid", hex_encode(cose_key_thumbprint(key.public_key()))}},
              options.json);
  return {};
}

}  // namespace

void add_keygen(Verb& top) {
  auto options = std::make_shared<KeygenArguments>();
  Verb& verb = top.verb("keygen", "Make a signing key");
  verb.footer("Example: witan keygen --out ci.pem --alg es256");
  verb.option("--out", options->out, "File for the private key; the public one goes to FILE.pub")
      .required();
  verb.option("--alg", options->algorithm, "ed25519, es256 or es384")
      .one_of({"ed25519", "es256", "es384"})
      .show_default();
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_keygen(*options);
    return result ? kExitDone : report("keygen", result.error());
  });
}

}  // namespace witan::cli
