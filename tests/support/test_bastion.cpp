#include "tests/support/test_bastion.h"

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <openssl/ssl.h>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/support/test_tls.h"
#include "tests/support/wait.h"

namespace witan::test {

struct TestBastion::Impl {
  using Job = std::function<void(H2Client&)>;

  explicit Impl(TestBastionOptions the_options)
      : options(std::move(the_options)),
        tls(options.names),
        context(SSL_CTX_new(TLS_server_method())) {
    const int version = options.tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_use_certificate_chain_file(context, tls.files.certificate_chain_file.c_str());
    SSL_CTX_use_PrivateKey_file(context, tls.files.private_key_file.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, check_backend, this);
    SSL_CTX_set_alpn_select_cb(context, select_alpn, this);
    if (::pipe2(wake_pipe.data(), O_NONBLOCK | O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  }
  ~Impl() {
    halt();
    SSL_CTX_free(context);
    ::close(wake_pipe[0]);
    ::close(wake_pipe[1]);
  }

  static int select_alpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                         const unsigned char* /*in*/, unsigned /*in_size*/, void* user) {
    const std::string& alpn = static_cast<Impl*>(user)->options.alpn;
    if (alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
    *out = reinterpret_cast<const unsigned char*>(alpn.data());
    *out_size = static_cast<unsigned char>(alpn.size());
    return SSL_TLSEXT_ERR_OK;
  }

  // 1 when the backend's certificate has an Ed25519 key that is allowed.
  static int check_backend(X509_STORE_CTX* store, void* user) {
    auto& impl = *static_cast<Impl*>(user);
    X509* certificate = X509_STORE_CTX_get0_cert(store);
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    Bytes raw(32);
    std::size_t size = raw.size();
    const bool good = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
                      EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1 &&
                      X509_verify(certificate, key) == 1 &&
                      X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
                      X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
    if (!good) return 0;
    const std::string hash = hex_encode(sha256(raw));
    {
      const std::lock_guard lock(impl.mutex);
      impl.key_hash = hash;
    }
    return impl.options.allows(hash) ? 1 : 0;
  }

  void launch() {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, size) != 0 || ::listen(listener, 8) != 0) {
      throw std::runtime_error("test bastion: cannot listen");
    }
    ::getsockname(listener, generic, &size);
    port = ntohs(address.sin_port);
    stopping = false;
    thread = std::thread([this] { run(); });
  }

  void halt() {
    if (!thread.joinable()) return;
    stopping = true;
    wake();
    thread.join();
    ::close(listener);
  }

  void wake() const { (void)!::write(wake_pipe[1], "x", 1); }

  void run_on_thread(Job job) {
    const std::lock_guard lock(mutex);
    jobs.push_back(std::move(job));
    wake();
  }

  void run() {
    // OpenSSL writes to sockets without MSG_NOSIGNAL.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    while (!stopping) {
      std::array<pollfd, 3> files = {
          pollfd{listener, POLLIN, 0}, pollfd{wake_pipe[0], POLLIN, 0},
          pollfd{backend, static_cast<short>(options.flood ? POLLIN | POLLOUT : POLLIN), 0}};
      ::poll(files.data(), ssl == nullptr ? 2 : 3, 200);
      char drain[64];
      while (::read(wake_pipe[0], drain, sizeof drain) > 0) {
      }
      if (cutting.exchange(false)) end_backend();
      if ((files[0].revents & POLLIN) != 0) accept_backend();
      if (ssl != nullptr) serve();
    }
    end_backend();
  }

  void accept_backend() {
    end_backend();
    const int file = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (file < 0) return;
    const timeval patience{5, 0};
    ::setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int one = 1;
    ::setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ssl = SSL_new(context);
    backend = file;
    SSL_set_fd(ssl, file);
    if (SSL_accept(ssl) != 1) return end_backend();
    ::fcntl(file, F_SETFL, O_NONBLOCK);
    client = std::make_unique<H2Client>();
    client->on_closed = [this](std::int32_t id, const H2Answer& answer) {
      const auto found = asked.find(id);
      if (found == asked.end()) return;
      found->second->set_value(answer);
      asked.erase(found);
    };
    said = false;
    goaway = -1;
    ++backends;
  }

  bool send(const Bytes& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const int sent = SSL_write(ssl, bytes.data() + done, static_cast<int>(bytes.size() - done));
      if (sent > 0) {
        done += static_cast<std::size_t>(sent);
        continue;
      }
      const int why = SSL_get_error(ssl, sent);
      if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) return false;
      pollfd file{backend, POLLOUT, 0};
      if (::poll(&file, 1, 5'000) != 1) return false;
    }
    return true;
  }

  void serve() {
    if (!options.says.empty()) {
      if (!said || options.flood) said = send(options.says);
    } else {
      std::vector<Job> now;
      {
        const std::lock_guard lock(mutex);
        now.swap(jobs);
      }
      for (const Job& job : now) job(*client);
      if (!send(client->to_send())) return end_backend();
    }
    Bytes bytes(16'384);
    while (ssl != nullptr) {
      const int got = SSL_read(ssl, bytes.data(), static_cast<int>(bytes.size()));
      if (got <= 0) {
        if (SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ) end_backend();
        return;
      }
      if (!client->receive({bytes.data(), static_cast<std::size_t>(got)})) return end_backend();
      goaway = client->goaway();
      connected = client->streams_max() < 1'000'000;
      if (options.says.empty() && !send(client->to_send())) return end_backend();
    }
  }

  void end_backend() {
    if (ssl == nullptr) return;
    connected = false;
    SSL_free(ssl);
    ssl = nullptr;
    ::close(backend);
    backend = -1;
    asked.clear();  // breaks their promises
    client.reset();
    ++ended;
  }

  const TestBastionOptions options;
  const TestTls tls;
  SSL_CTX* const context;
  std::array<int, 2> wake_pipe{};
  std::uint16_t port = 0;
  int listener = -1;
  std::thread thread;
  std::atomic<bool> stopping{false}, cutting{false}, connected{false};
  std::atomic<std::size_t> backends{0}, ended{0};
  std::atomic<std::int64_t> goaway{-1};
  std::mutex mutex;
  std::string key_hash;   // under mutex
  std::vector<Job> jobs;  // under mutex
  // Of the thread alone.
  SSL* ssl = nullptr;
  int backend = -1;
  bool said = false;
  std::unique_ptr<H2Client> client;
  std::map<std::int32_t, std::shared_ptr<std::promise<H2Answer>>> asked;
};

TestBastion::TestBastion(TestBastionOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {
  start();
}
TestBastion::~TestBastion() = default;

void TestBastion::stop() {
  impl_->halt();
}
void TestBastion::start() {
  impl_->launch();
}
void TestBastion::cut() {
  impl_->cutting = true;
  impl_->wake();
}
void TestBastion::say_goodbye() {
  impl_->run_on_thread([](H2Client& client) { client.say_goodbye(); });
}
std::string TestBastion::url() const {
  return "https://127.0.0.1:" + std::to_string(impl_->port);
}
std::string TestBastion::ca_file() const {
  return impl_->tls.files.certificate_chain_file;
}
std::size_t TestBastion::backends() const {
  return impl_->backends;
}
bool TestBastion::connected() const {
  return impl_->connected;
}
std::size_t TestBastion::ended() const {
  return impl_->ended;
}
std::int64_t TestBastion::goaway() const {
  return impl_->goaway;
}
std::string TestBastion::key_hash() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->key_hash;
}

std::future<H2Answer> TestBastion::ask(const std::string& method, const std::string& path,
                                       const std::string& body, const H2Client::Fields& headers) {
  const auto promise = std::make_shared<std::promise<H2Answer>>();
  impl_->run_on_thread(
      [impl = impl_.get(), promise, method, path, body, headers](H2Client& client) {
        impl->asked[client.ask(method, path, body, headers)] = promise;
      });
  return promise->get_future();
}

H2Answer TestBastion::get(const std::string& method, const std::string& path,
                          const std::string& body, const H2Client::Fields& headers) {
  auto answer = ask(method, path, body, headers);
  if (answer.wait_for(kPatience) != std::future_status::ready) {
    throw std::runtime_error("test bastion: no answer to " + path);
  }
  return answer.get();
}

}  // namespace witan::test
