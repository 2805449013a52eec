// Writing recordings: names, the series of a session, bodies beside the file, and leaving
// alone what says the same already. See store.h.
#include <algorithm>
#include <sstream>

#include "shim/base/log.h"
#include "shim/match/normalize.h"
#include "shim/store/body_view.h"
#include "shim/store/comparison.h"
#include "shim/store/impl.h"
#include "shim/store/model_lists.h"

namespace recshim::store {
namespace {

constexpr uint64_t kMaxDialectBytes = uint64_t{64} << 20;
// The session's pairs of ids, ServerIds::lines().
constexpr const char* kServerIds = "server-ids";

// One file of the series as this session wrote it.
struct Written {
  std::string stem;
  bool error = false;
};

std::vector<Written> written_so_far(const std::string& text) {
  std::vector<Written> out;
  std::istringstream in(text);
  std::string kind;
  Written item;
  while (in >> kind >> item.stem) {
    item.error = kind == "error";
    out.push_back(item);
  }
  return out;
}

// Where the file says its body is; empty if it is inside.
std::string body_file_of(const Recording& recording) {
  const auto own = recording.json.find("recshim");
  if (own == recording.json.end() || !own->is_object() || !own->contains("body")) return {};
  const match::Json& note = (*own)["body"];
  if (!note.is_object() || !note.contains("file") || !note["file"].is_string()) return {};
  return note["file"].get<std::string>();
}

match::Json& body_note(Recording& recording) {
  return recording.json["recshim"]["body"];
}

bool goes_beside(const http::Exchange& exchange, const match::RequestKey& key, uint64_t limit) {
  const uint64_t size = exchange.response_body.size();
  if (size <= limit) return false;
  ViewContext context;
  context.dialect = key.dialect;
  context.content_type = http::find_header(exchange.response.headers, "content-type").value_or("");
  return !is_dialect_body(context) || size > kMaxDialectBytes;
}

class Saver {
 public:
  Saver(Env& env, Session& session, const StoreOptions& options, http::Exchange& exchange,
        const match::RequestKey& key)
      : env_(env), session_(session), options_(options), exchange_(exchange), key_(key) {}

  Result<Saved> run() {
    dir_ = options_.dir;
    if (options_.layout == Layout::kByTest) {
      if (const auto folder = test_folder(exchange_.test_id)) dir_ += "/" + *folder;
    }
    const bool early = exchange_.early_after_body_bytes && !exchange_.request_complete;
    const std::string counter_stem = key_.hash + (early ? "-early" : "");
    const auto held = session_.lock(counter_stem);
    // The session's lock is no other session's, and two of them may miss the same request.
    std::unique_ptr<FileLock> alone;
    if (options_.keep_existing && !options_.cache_dir.empty()) {
      auto lock = env_.lock(options_.cache_dir + "/saving.lock");
      if (lock.ok()) alone = std::move(*lock);
    }
    const std::string counter = counter_name("record", counter_stem, exchange_.origin.host);
    const auto written = written_so_far(session_.read(counter));

    Saved saved;
    saved.hash = key_.hash;
    saved.repeat = static_cast<int>(written.size()) + 1;
    const bool beside = goes_beside(exchange_, key_, options_.inline_body_limit_bytes);
    auto made =
        to_recording(exchange_, key_, saved.repeat,
                     beside ? std::optional<std::string>("-") : std::nullopt, options_.match);
    if (!made.ok()) return made.error();
    new_ = std::move(*made);

    error_ = is_error(exchange_);
    series_ = choose_series(counter_stem);
    const int number = 1 + static_cast<int>(std::count_if(
                               written.begin(), written.end(), [&](const Written& item) {
                                 return item.stem == series_.stem && item.error == error_;
                               }));
    // Another process has recorded the same request since this one missed it.
    if (options_.keep_existing && env_.stat(series_path(series_, error_, 1)).ok()) {
      saved.path = series_path(series_, error_, 1);
      saved.kind = Saved::Kind::kUnchanged;
      return saved;
    }
    saved.path = series_path(series_, error_, number);
    const std::string name = series_name(series_, error_, number);

    auto put = write_or_keep(saved.path, name, saved.repeat, beside);
    if (!put.ok()) return put.error();
    saved.kind = *put;
    if (saved.repeat == 1 && !options_.keep_existing) clear_tail(saved.path);
    const Status counted =
        session_.append(counter, (error_ ? "error " : "final ") + series_.stem + "\n");
    if (!counted.ok()) {
      return Error{counted.error().code,
                   saved.path + " is written, but not counted: " + counted.error().message};
    }
    return saved;
  }

 private:
  std::optional<Recording> read(const std::string& path) {
    auto text = env_.read_file(path);
    if (!text.ok()) return std::nullopt;
    auto recording = Recording::parse(*text);
    // A broken file is what recording anew is to repair.
    if (!recording.ok()) return std::nullopt;
    return std::move(*recording);
  }

  bool is_for_another_host(const Series& series) {
    for (const bool error : {false, true}) {
      const auto recording = read(series_path(series, error, 1));
      if (recording) return recording->host() != exchange_.origin.host;
    }
    return false;
  }

  Series choose_series(const std::string& stem) {
    std::string base = stem;
    if (key_.model_list && exchange_.response.status < 400) {
      const auto ids = match::model_ids(new_.json["response"]["body"]);
      if (!ids.empty()) base = "models-" + key_.hash + "-" + match::model_digest(ids);
    }
    const Series plain{dir_, base};
    const Series own{dir_, base + "-" + host_tag(exchange_.origin.host)};
    if (env_.stat(series_path(own, false, 1)).ok() || env_.stat(series_path(own, true, 1)).ok()) {
      return own;
    }
    return is_for_another_host(plain) ? own : plain;
  }

  Result<Saved::Kind> write_or_keep(const std::string& path, const std::string& name, int repeat,
                                    bool beside) {
    auto old = read(path);
    const bool set_aside = !old && repeat > 1;
    if (set_aside) old = read(session_.stash_path(path));
    const std::string old_body = old ? body_file_of(*old) : std::string();
    if (beside) {
      // The body gets its place before the JSON names it, and never the place of a body
      // that the old JSON still names: a failure in between leaves one whole recording.
      match::Json& note = body_note(new_);
      const bool same_body = !old_body.empty() && body_note(*old).value("sha256", "") ==
                                                      note["sha256"].get<std::string>();
      note["file"] = same_body                    ? old_body
                     : old_body == name + ".body" ? name + ".alt.body"
                                                  : name + ".body";
    }
    const std::string folder = series_.dir + "/";
    const auto ids_held = session_.lock(kServerIds);
    const auto ids = old ? same_but_for_ids(*old, new_, options_.volatile_headers,
                                            ServerIds::parse(session_.read(kServerIds)))
                         : std::nullopt;
    const auto unchanged = [&] {
      const std::string lines = ids->lines();
      if (!lines.empty()) {
        note(session_.append(kServerIds, lines), "requests that name this answer's ids are new");
      }
      return Saved::Kind::kUnchanged;
    };
    if (ids) {
      if (!set_aside && (old_body.empty() || env_.stat(folder + old_body).ok())) {
        return unchanged();
      }
      if (set_aside && (old_body.empty() || session_.restore(folder + old_body).ok()) &&
          session_.restore(path).ok()) {
        return unchanged();
      }
    }
    if (old) keep_volatile(*old, new_);
    if (beside) {
      const Status put = publish_body(folder + body_file_of(new_));
      if (!put.ok()) return put.error();
    }
    const Status put = env_.write_atomic(path, new_.text());
    if (!put.ok()) return put.error();
    if (!set_aside && !old_body.empty() && old_body != body_file_of(new_)) {
      note(env_.remove(folder + old_body), "an old body stays");
    }
    return Saved::Kind::kWritten;
  }

  Status publish_body(const std::string& path) {
    Body& body = exchange_.response_body;
    if (body.in_memory()) return env_.write_atomic(path, body.view());
    const Status made = env_.make_dirs(path.substr(0, path.rfind('/')));
    if (!made.ok()) return made;
    if (body.file()->publish(path).ok()) return {};
    // The spill lies on another file system.
    auto copy = env_.create_spill(path.substr(0, path.rfind('/')));
    if (!copy.ok()) return copy.error();
    Status copied;
    const Status read = body.for_each_block([&](std::string_view block) {
      copied = (*copy)->append(block);
      return copied.ok();
    });
    if (!read.ok()) return read;
    if (!copied.ok()) return copied;
    return (*copy)->publish(path);
  }

  // The first recording of a session replaces the whole series: what else belonged to it
  // is set aside, to be put back if it turns out to be said again.
  void clear_tail(const std::string& kept) {
    std::vector<Series> all{series_};
    if (key_.model_list) all = model_series();
    for (const auto& series : all) {
      for (const bool error : {false, true}) {
        for (int number = 1;; ++number) {
          const std::string path = series_path(series, error, number);
          if (path == kept) continue;
          if (!env_.stat(path).ok()) break;
          const auto old = read(path);
          const std::string body = old ? body_file_of(*old) : std::string();
          const Status moved = session_.stash(path);
          note(moved, "an old repeat stays");
          if (moved.ok() && !body.empty()) {
            note(session_.stash(series.dir + "/" + body), "an old body stays");
          }
        }
      }
    }
  }

  // The model lists that recshim recorded for this key and host, whatever their digest,
  // and the series of its errors.
  std::vector<Series> model_series() {
    std::vector<Series> out{{dir_, key_.hash}};
    for (const auto& name : model_list_names(env_, options_.cache_dir, dir_)) {
      if (!name.starts_with("models-" + key_.hash + "-")) continue;
      const std::string stem = name.substr(0, name.size() - 5);
      const auto old = read(dir_ + "/" + name);
      if (old && old->from_recshim() && old->host() == exchange_.origin.host) {
        out.push_back({dir_, stem});
      }
    }
    if (is_for_another_host(out.front())) out.erase(out.begin());
    return out;
  }

  static void note(const Status& status, const char* what) {
    if (!status.ok()) log::warn("{}: {}", what, status.error().message);
  }

  Env& env_;
  Session& session_;
  const StoreOptions& options_;
  http::Exchange& exchange_;
  const match::RequestKey& key_;
  std::string dir_;
  Series series_;
  Recording new_;
  bool error_ = false;
};

}  // namespace

Result<Saved> Store::save(http::Exchange& exchange) {
  try {
    ServerIds::parse(impl_->session.read(kServerIds)).replace_in(exchange);
    const bool early = exchange.early_after_body_bytes && !exchange.request_complete;
    auto key = match::compute_key(exchange, exchange.test_id, impl_->options.match, early);
    if (!key.ok()) return key.error();
    if (!impl_->options.record_errors && is_error(exchange)) {
      Saved saved;
      saved.hash = key->hash;
      saved.kind = Saved::Kind::kSkipped;
      return saved;
    }
    return Saver(impl_->env, impl_->session, impl_->options, exchange, *key).run();
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("can't be recorded: ") + error.what()};
  }
}

}  // namespace recshim::store
