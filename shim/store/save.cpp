// Writing recordings: names, the series of a session, bodies beside the file, and leaving
// alone what says the same already. See store.h.
#include <algorithm>
#include <sstream>

#include "shim/base/log.h"
#include "shim/base/regular_file.h"
#include "shim/match/normalize.h"
#include "shim/store/asked.h"
#include "shim/store/body_view.h"
#include "shim/store/comparison.h"
#include "shim/store/impl.h"
#include "shim/store/model_lists.h"

namespace recshim::store {
namespace {

// How many requests an answer overtakes before what was recorded for it is not looked for any more.
constexpr int kMaxOvertaken = 64;
constexpr uint64_t kMaxDialectBytes = uint64_t{64} << 20;
// The session's pairs of ids: values, each of ServerIds::lines().
SessionMemory::Name server_ids_name() {
  return {"server-ids", ""};
}

Result<ServerIds> server_ids(const SessionMemory& memory) {
  const auto values = memory.values(server_ids_name());
  if (!values) return values.error();
  std::string lines;
  for (const auto& value : *values) lines += value;
  return ServerIds::parse(lines);
}

// The order of equal requests: a cell, the number of the last.
SessionMemory::Name places(const std::string& counter) {
  return {"place", counter};
}

// What this session has written of one series, as the session's memory has it: a list, in the
// order of writing, which begins anew when the files have been removed.
struct Written {
  uint64_t place = 0;
  bool error = false;
  // Of the list up to here.
  uint64_t highest_place = 0;
  int finals = 0;
  int errors = 0;
  // Of the file.
  uint64_t inode = 0;
  int64_t mtime_ns = 0;

  [[nodiscard]] int count(bool of_errors) const { return of_errors ? errors : finals; }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << place << ' ' << error << ' ' << highest_place << ' ' << finals << ' ' << errors << ' '
        << inode << ' ' << mtime_ns;
    return out.str();
  }
  static Written parse(const std::string& text) {
    Written item;
    std::istringstream in(text);
    in >> item.place >> item.error >> item.highest_place >> item.finals >> item.errors >>
        item.inode >> item.mtime_ns;
    return item;
  }
};

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
  Saver(Env& env, SessionMemory& memory, Stash& stash, const StoreOptions& options,
        http::Exchange& exchange, const match::RequestKey& key)
      : env_(env),
        memory_(memory),
        stash_(stash),
        options_(options),
        exchange_(exchange),
        key_(key) {}

  Result<Saved> run() {
    dir_ = options_.dir;
    if (options_.layout == Layout::kByTest) {
      if (const auto folder = test_folder(exchange_.test_id)) dir_ += "/" + *folder;
    }
    // Against other processes and other sessions.
    auto alone = env_.lock_folder(options_.dir);
    if (!alone && alone.error().code == ErrorCode::kUnsupported && !options_.session_dir.empty()) {
      alone = env_.lock(options_.session_dir + "/saving.lock");
    }
    if (!alone) return alone.error();
    const bool early = exchange_.early_after_body_bytes && !exchange_.request_complete;
    const std::string stem = key_.hash + (early ? "-early" : "");
    const std::string counter = counter_name(stem, exchange_.origin.host);
    place_ = exchange_.counted_as == counter ? exchange_.place : 0;
    if (place_ == 0) {
      const auto next = memory_.add(places(counter), 1);
      if (!next) return next.error();
      place_ = *next;
    }

    Saved saved;
    saved.hash = key_.hash;
    saved.repeat = static_cast<int>(place_);
    const bool beside = goes_beside(exchange_, key_, options_.inline_body_limit_bytes);
    auto made =
        to_recording(exchange_, key_, saved.repeat,
                     beside ? std::optional<std::string>("-") : std::nullopt, options_.match);
    if (!made.ok()) return made.error();
    new_ = std::move(*made);

    error_ = is_error(exchange_);
    auto series = choose_series(stem);
    if (!series) return series.error();
    series_ = std::move(*series);
    const SessionMemory::Name begun = recorded_name(counter);
    const auto began = memory_.cell(begun);
    if (!began) return began.error();
    // Another session has recorded the same request since this one missed it.
    if (options_.keep_existing && *began == 0) {
      const auto there = exists(env_, series_path(series_, error_, 1));
      if (!there) return there.error();
      if (*there) {
        saved.path = series_path(series_, error_, 1);
        saved.kind = Saved::Kind::kUnchanged;
        return saved;
      }
    }
    if (const Status found = find_own_place(); !found) return found.error();
    is_first_ = *began == 0 && !options_.keep_existing;
    // What answered an earlier request is said again by a later one, or by none.
    if (is_first_ && place_ > 1) {
      if (const Status cleared = clear_series(""); !cleared) return cleared.error();
      is_first_ = false;
      if (const auto noted = memory_.add(begun, 1); !noted) return noted.error();
    }
    if (const Status free = make_room(); !free) return free.error();
    saved.path = series_path(series_, error_, number_);
    auto put = write_or_keep(saved.path, beside);
    if (!put.ok()) return put.error();
    saved.kind = *put;
    if (is_first_) {
      if (const Status cleared = clear_series(saved.path); !cleared) return cleared.error();
    }
    Status counted = note_written(saved.path);
    if (counted && (is_first_ || *began == 0)) {
      const auto noted = memory_.add(begun, 1);
      if (!noted) counted = noted.error();
    }
    if (!counted.ok()) {
      return Error{counted.error().code,
                   saved.path + " is written, but not counted: " + counted.error().message};
    }
    return saved;
  }

 private:
  // nullopt when there is none, or a broken one, which recording anew is to repair.
  Result<std::optional<Recording>> read(const std::string& path) {
    const bool set_aside = !path.starts_with(options_.dir + "/");
    auto text =
        read_below(env_, set_aside ? options_.session_dir : options_.dir, path, kMaxRecordingBytes);
    if (!text.ok()) {
      if (text.error().code == ErrorCode::kNotFound) return std::optional<Recording>();
      return text.error();
    }
    auto recording = Recording::parse(*text);
    if (!recording.ok()) return std::optional<Recording>();
    return std::optional<Recording>(std::move(*recording));
  }

  // Of another host, or, where recordings are kept, of a request with other headers, made before
  // these were part of the key.
  Result<bool> is_another_requests(const Series& series) {
    for (const bool error : {false, true}) {
      const auto recording = read(series_path(series, error, 1));
      if (!recording) return recording.error();
      if (*recording) {
        return (*recording)->host() != exchange_.origin.host ||
               (options_.keep_existing && !asks_the_same(**recording, key_, options_.match));
      }
    }
    return false;
  }

  Result<Series> choose_series(const std::string& stem) {
    std::string base = stem;
    if (key_.model_list && exchange_.response.status < 400) {
      const auto ids = match::model_ids(new_.json["response"]["body"]);
      if (!ids.empty()) base = "models-" + key_.hash + "-" + match::model_digest(ids);
    }
    const Series plain{dir_, base};
    const Series own{dir_, base + "-" + host_tag(exchange_.origin.host)};
    for (const bool error : {false, true}) {
      const auto there = exists(env_, series_path(own, error, 1));
      if (!there) return there.error();
      if (*there) return own;
    }
    const auto taken = is_another_requests(plain);
    if (!taken) return taken.error();
    return *taken ? own : plain;
  }

  // The list that holds what was written of the series.
  Result<SessionMemory::Name> written_name() {
    const std::string path = series_path(series_, false, 1);
    const auto lists = memory_.cell({"written-lists", path});
    if (!lists) return lists.error();
    return SessionMemory::Name("written", path + " " + std::to_string(*lists));
  }

  // Sets number_, later_ and last_, by what this session has written of the series.
  Status find_own_place() {
    last_ = {};
    later_ = 0;
    const auto name = written_name();
    if (!name) return name.error();
    const auto newest = memory_.newest(*name);
    if (!newest) return newest.error();
    if (*newest) last_ = Written::parse(**newest);
    if (*newest) {
      const auto ours = is_as_written();
      if (!ours) return ours.error();
      if (!*ours) return find_own_place();  // in a new list
    }
    int before = last_.count(error_);
    if (place_ < last_.highest_place) {
      const auto values = memory_.values(*name);
      if (!values) return values.error();
      before = 0;
      for (const auto& value : *values) {
        const Written item = Written::parse(value);
        if (item.error == error_) ++(item.place < place_ ? before : later_);
      }
    }
    number_ = before + 1;
    return {};
  }

  // Whether the last file of this session in the series is there. False where all of them have
  // been removed: they begin anew. Error where another session's stand in their place.
  Result<bool> is_as_written() {
    if (last_.place != last_.highest_place) return true;
    const std::string path = series_path(series_, last_.error, last_.count(last_.error));
    const auto info = env_.stat(path);
    if (info && info->inode == last_.inode && info->mtime_ns == last_.mtime_ns) return true;
    if (!info && info.error().code != ErrorCode::kNotFound) return info.error();
    for (const bool error : {false, true}) {
      const auto there = exists(env_, series_path(series_, error, 1));
      if (!there) return there.error();
      if (*there) {
        return Error{ErrorCode::kInvalid,
                     "another run records the same request into this folder: " + path +
                         " is not what this one wrote any more"};
      }
    }
    const auto list = memory_.add({"written-lists", series_path(series_, false, 1)}, 1);
    if (!list) return list.error();
    return false;
  }

  // Answers to later requests that came earlier move up.
  Status make_room() {
    for (int number = number_ + later_; number > number_; --number) {
      const Status moved = env_.rename(series_path(series_, error_, number - 1),
                                       series_path(series_, error_, number));
      if (!moved) return moved;
    }
    return {};
  }

  Status note_written(const std::string& path) {
    const auto info = env_.stat(path);
    if (!info) return info.error();
    Written item = last_;
    item.place = place_;
    item.error = error_;
    item.highest_place = std::max(place_, last_.highest_place);
    ++(error_ ? item.errors : item.finals);
    item.inode = info->inode;
    item.mtime_ns = info->mtime_ns;
    const auto name = written_name();
    return name ? memory_.append(*name, item.text()) : Status(name.error());
  }

  // What a session before this one may have had in the same place.
  struct Old {
    Recording recording;
    std::string set_aside;  // where it was, if it has been set aside since
    std::string body;       // the file of its body, or empty
  };
  Result<std::vector<Old>> old_recordings(const std::string& path) {
    std::vector<Old> found;
    auto in_place = read(path);
    if (!in_place) return in_place.error();
    if (*in_place) {
      std::string body = body_file_of(**in_place);
      found.push_back({std::move(**in_place), "", std::move(body)});
    } else if (!is_first_) {
      // Answers to the requests before this one may not be there yet.
      const int last = std::min(number_ + kMaxOvertaken, static_cast<int>(place_));
      for (int number = number_; number <= last; ++number) {
        const std::string was = series_path(series_, error_, number);
        auto old = read(stash_.path_of(was));
        if (!old) return old.error();
        if (!*old) continue;
        std::string body = body_file_of(**old);
        found.push_back({std::move(**old), was, std::move(body)});
      }
    }
    return found;
  }

  // The body gets its place before the JSON names it, and never the place of a body
  // that the old JSON still names: a failure in between leaves one whole recording.
  void name_body(Old* old) {
    std::string name = series_name(series_, error_, number_);
    if (later_ > 0) name += "." + std::to_string(place_);  // a file that moved up keeps its body
    match::Json& note = body_note(new_);
    const bool same_body =
        old != nullptr && !old->body.empty() &&
        body_note(old->recording).value("sha256", "") == note["sha256"].get<std::string>();
    note["file"] = same_body                                       ? old->body
                   : old != nullptr && old->body == name + ".body" ? name + ".alt.body"
                                                                   : name + ".body";
  }

  // True where the old recording says the same and is in its place again.
  Result<bool> keep_old(const Old& old, const std::string& path) {
    const std::string body = series_.dir + "/" + old.body;
    if (old.set_aside.empty()) return old.body.empty() ? true : exists(env_, body);
    if (!old.body.empty() && !stash_.take_back(body, body)) return false;
    return stash_.take_back(old.set_aside, path).ok();
  }

  Result<Saved::Kind> write_or_keep(const std::string& path, bool beside) {
    auto olds = old_recordings(path);
    if (!olds) return olds.error();
    const auto known_ids = server_ids(memory_);
    if (!known_ids) return known_ids.error();
    for (Old& old : *olds) {
      if (beside) name_body(&old);
      const auto ids = same_but_for_ids(old.recording, new_, options_.volatile_headers, *known_ids);
      if (!ids) continue;
      const auto kept = keep_old(old, path);
      if (!kept) return kept.error();
      if (!*kept) continue;
      const std::string lines = ids->lines();
      const Status noted = lines.empty() ? Status() : memory_.append(server_ids_name(), lines);
      if (!noted) return noted.error();
      return Saved::Kind::kUnchanged;
    }
    Old* const old = olds->empty() ? nullptr : &olds->front();
    const std::string folder = series_.dir + "/";
    if (beside) name_body(old);
    if (old != nullptr) keep_volatile(old->recording, new_);
    if (beside) {
      const Status put = publish_body(folder + body_file_of(new_));
      if (!put.ok()) return put.error();
    }
    const Status put = env_.write_atomic(path, new_.text());
    if (!put.ok()) return put.error();
    const bool in_place = old != nullptr && old->set_aside.empty();
    if (in_place && !old->body.empty() && old->body != body_file_of(new_)) {
      note(env_.remove(folder + old->body), "an old body stays");
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
  Status clear_series(const std::string& kept) {
    auto all = key_.model_list ? model_series() : std::vector<Series>{series_};
    if (!all) return all.error();
    for (const auto& series : *all) {
      for (const bool error : {false, true}) {
        for (int number = 1;; ++number) {
          const std::string path = series_path(series, error, number);
          if (path == kept) continue;
          const auto there = exists(env_, path);
          if (!there) return there.error();
          if (!*there) break;
          const auto old = read(path);
          if (!old) return old.error();
          const std::string body = *old ? body_file_of(**old) : std::string();
          const Status moved = stash_.put(path);
          note(moved, "an old repeat stays");
          if (moved.ok() && !body.empty()) {
            note(stash_.put(series.dir + "/" + body), "an old body stays");
          }
        }
      }
    }
    return {};
  }

  // The model lists that recshim recorded for this key and host, whatever their digest,
  // and the series of its errors.
  Result<std::vector<Series>> model_series() {
    std::vector<Series> out{{dir_, key_.hash}};
    const auto listed = model_list_names(env_, options_.cache_dir, dir_);
    if (!listed) return listed.error();
    for (const auto& name : *listed) {
      if (!name.starts_with("models-" + key_.hash + "-")) continue;
      const std::string stem = name.substr(0, name.size() - 5);
      const auto old = read(dir_ + "/" + name);
      if (!old) return old.error();
      if (*old && (*old)->from_recshim() && (*old)->host() == exchange_.origin.host) {
        out.push_back({dir_, stem});
      }
    }
    const auto taken = is_another_requests(out.front());
    if (!taken) return taken.error();
    if (*taken) out.erase(out.begin());
    return out;
  }

  static void note(const Status& status, const char* what) {
    if (!status.ok()) log::warn("{}: {}", what, status.error().message);
  }

  Env& env_;
  SessionMemory& memory_;
  Stash& stash_;
  const StoreOptions& options_;
  http::Exchange& exchange_;
  const match::RequestKey& key_;
  std::string dir_;
  Series series_;
  Recording new_;
  bool error_ = false;
  bool is_first_ = false;  // of this session for the key
  uint64_t place_ = 0;
  // Of what this session has written of the series, final or error as this one is:
  int number_ = 1;  // the place in it
  int later_ = 0;   // how many answered a later request
  Written last_;
};

}  // namespace

Status Store::take_place(http::Exchange& exchange) {
  try {
    auto& memory = *impl_->memory;
    const auto ids = server_ids(memory);
    if (!ids) return ids.error();
    // As save() will.
    if (!ids->empty()) ids->replace_in(exchange);
    auto key = match::compute_key(exchange, exchange.test_id, impl_->options.match, false);
    if (!key.ok()) return key.error();
    const std::string counter = counter_name(key->hash, exchange.origin.host);
    const auto place = memory.add(places(counter), 1);
    if (!place) return place.error();
    exchange.place = *place;
    exchange.counted_as = counter;
    return {};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("can't be counted: ") + error.what()};
  }
}

Result<Saved> Store::save(http::Exchange& exchange) {
  try {
    const auto ids = server_ids(*impl_->memory);
    if (!ids) return ids.error();
    ids->replace_in(exchange);
    const bool early = exchange.early_after_body_bytes && !exchange.request_complete;
    auto key = match::compute_key(exchange, exchange.test_id, impl_->options.match, early);
    if (!key.ok()) return key.error();
    if (!impl_->options.record_errors && is_error(exchange)) {
      Saved saved;
      saved.hash = key->hash;
      saved.kind = Saved::Kind::kSkipped;
      return saved;
    }
    return Saver(impl_->env, *impl_->memory, impl_->stash, impl_->options, exchange, *key).run();
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("can't be recorded: ") + error.what()};
  }
}

}  // namespace recshim::store
