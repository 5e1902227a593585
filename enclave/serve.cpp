#include "enclave/serve.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "config/limits.h"
#include "enclave/batch_workers.h"
#include "enclave/core.h"
#include "enclave/cosigner_folder.h"
#include "enclave/cosigner_host.h"
#include "enclave/framing.h"
#include "enclave/host.h"
#include "enclave/messages.h"
#include "enclave/sealed_state.h"
#include "enclave/state_folder.h"
#include "ledger/crypto/file_digest.h"

namespace witan {
namespace {

constexpr std::int64_t kCoseSha256 = -16;

void report(const Error& error) {
  std::fprintf(stderr, "witan-enclave: %s\n", error.message.c_str());
}

Result<EnclaveIdentity> measure() {
  EnclaveIdentity identity;
  identity.grade = Grade::kProcess;
  WITAN_ASSIGN(const Bytes digest, file_digest("/proc/self/exe", kCoseSha256));
  std::copy(digest.begin(), digest.end(), identity.measurement.begin());
  return identity;
}

Result<EnclaveCore> open_core(SealedState& sealed) {
  WITAN_ASSIGN(const EnclaveIdentity identity, measure());
  const std::optional<SecretBytes> state = sealed.take_state();
  if (!state) return EnclaveCore(identity, system_random());
  return EnclaveCore::restore(identity, system_random(), state->view());
}

Result<SealedState> open_sealed(StateFolder& folder) {
  WITAN_ASSIGN(MachineKey key, folder.machine_key(system_random()));
  return SealedState::open(folder, std::move(key), system_random());
}

Result<CosignerHost> open_cosigner(StateFolder& folder, CosignerFolder& disk) {
  WITAN_ASSIGN(MachineKey key, folder.machine_key(system_random()));
  return CosignerHost::open(disk, std::move(key), system_random());
}

}  // namespace

int refuse_to_start(int socket, const Error& error) {
  report(error);
  // The parent may be gone already; the line above remains.
  (void)write_frame(socket, encode_reply(error));
  return 1;
}

int serve_enclave(int socket, const HardenOptions& options, Walls walls) {
  const std::filesystem::path& folder_path = options.state_dir;
  const auto refuse = refuse_to_start;
  Result<StateFolder> folder = StateFolder::open(folder_path);
  if (!folder) return refuse(socket, folder.error());
  Result<SealedState> sealed = open_sealed(*folder);
  if (!sealed) return refuse(socket, sealed.error().within(folder_path.string()));
  Result<EnclaveCore> core = open_core(*sealed);
  if (!core) return refuse(socket, core.error().within(folder_path.string()));
  CosignerFolder cosigner_folder(folder_path);
  Result<CosignerHost> cosigner = open_cosigner(*folder, cosigner_folder);
  if (!cosigner) return refuse(socket, cosigner.error().within(folder_path.string()));
  confine_files(walls, folder_path);
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
  BatchWorkers workers(std::min(cores, limits::kCosignThreadsMax) - 1);
  cosigner->share_work([&workers](std::size_t count, const std::function<void(std::size_t)>& work) {
    workers.for_each(count, work);
  });
  EnclaveHost host(std::move(*core), [&sealed](std::uint64_t generation, BytesView state) {
    return sealed->save(generation, state);
  });
  const Result<void> confined = confine_calls(walls, options.require);
  if (!confined) return refuse(socket, confined.error());
  host.set_walls(walls.states());
  if (!write_frame(socket, encode_reply(Ready{walls.states()}))) return 0;
  for (;;) {
    const Result<std::optional<Bytes>> message = read_frame(socket);
    Bytes reply;
    if (message) {
      if (!*message) return 0;
      reply = is_cosigner_request(**message) ? cosigner->handle_message(**message)
                                             : host.handle_message(**message);
    } else if (message.error().code == ErrorCode::kTooLarge) {
      reply = encode_reply(message.error());
    } else {
      report(message.error());
      return 1;
    }
    const Result<void> written = write_frame(socket, reply);
    if (sealed->broken() || cosigner->broken()) {
      report(Error{ErrorCode::kIo, "a sync of " + folder_path.string() +
                                       " failed; ending, since its content is now unknown"});
      return 1;
    }
    if (!written) {
      if (written.error().code == ErrorCode::kUnavailable) return 0;
      report(written.error());
      return 1;
    }
  }
}

}  // namespace witan
