// Which recording answers a request, and stepping its series. See store.h.
#include <algorithm>
#include <mutex>
#include <utility>

#include "shim/base/regular_file.h"
#include "shim/base/sha256.h"
#include "shim/http/upgrade.h"
#include "shim/match/earlier_key.h"
#include "shim/match/python_json.h"
#include "shim/store/asked.h"
#include "shim/store/impl.h"
#include "shim/store/json_bytes.h"
#include "shim/store/rpc_ids.h"

namespace recshim::store {
namespace {

constexpr const char* kEarly = "-early";  // in the names of what answered before its request's body

// The number of series among those that were noted under name, where it is added if need be.
Result<uint64_t> number_of(SessionMemory& memory, const SessionMemory::Name& name,
                           const Series& series) {
  const std::string text = series.dir + "\n" + series.stem;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto known = memory.values(name);
    if (!known) return known.error();
    for (size_t i = 0; i < known->size(); ++i) {
      if ((*known)[i] == text && i < Cursor::kMaxSeries) return i + 1;
    }
    if (const Status added = memory.append(name, text); !added) return added.error();
  }
  return Error{ErrorCode::kTooLarge, "a series was moved too often"};
}

Result<Series> series_number(const SessionMemory& memory, const SessionMemory::Name& name,
                             uint64_t number) {
  const auto known = memory.values(name);
  if (!known) return known.error();
  const std::string* const text = number <= known->size() ? &(*known)[number - 1] : nullptr;
  const size_t end = text == nullptr ? std::string::npos : text->find('\n');
  if (end == std::string::npos) {
    return Error{ErrorCode::kInvalid, "the session's memory is damaged"};
  }
  return Series{text->substr(0, end), text->substr(end + 1)};
}

}  // namespace

std::string digest_of(const match::Json& wishes) {
  return sha256_hex(match::dump(wishes, match::compact_style())).substr(0, 16);
}

Result<bool> exists(Env& env, const std::string& path) {
  const auto info = env.stat(path);
  if (!info.ok() && info.error().code != ErrorCode::kNotFound) return info.error();
  return info.ok();
}

std::string counter_name(const std::string& stem, const std::string& host) {
  return stem + "-" + host_tag(host);
}

SessionMemory::Name recorded_name(const std::string& counter) {
  return {"recorded", counter};
}

Result<std::optional<Loaded>> Store::Impl::load(const std::string& path,
                                                RecordingCache::FolderTimes& times) {
  auto recording = cache.read(path, times);
  if (!recording.ok()) return recording.error();
  if (*recording == nullptr) return std::optional<Loaded>();
  return std::optional<Loaded>(Loaded{path, std::move(*recording)});
}

Result<Found> Store::Impl::answer(const Loaded& loaded, const http::Exchange& request,
                                  const match::RequestKey& key) {
  const std::string folder = loaded.path.substr(0, loaded.path.rfind('/'));
  auto exchange = to_exchange(
      *loaded.recording,
      [&](const std::string& name, uint64_t) -> Result<Body> {
        auto file = open_below(env, options.dir, folder + "/" + name);
        if (!file.ok()) return file.error();
        auto info = env.stat(folder + "/" + name);
        if (!info.ok()) return info.error();
        return Body::from_file(std::move(*file), info->size_bytes);
      },
      &request);
  if (!exchange.ok())
    return Error{exchange.error().code, loaded.path + ": " + exchange.error().message};
  Found found;
  found.exchange = std::move(*exchange);
  found.path = loaded.path;
  found.hash = key.hash;
  answer_with_ids(found.exchange, loaded.recording->json["request"], key.request);
  found.repeat = loaded.recording->repeat();
  return found;
}

std::vector<std::string> Store::Impl::folders(const std::optional<std::string>& test_id) const {
  std::vector<std::string> out{options.dir};
  if (const auto folder = test_folder(test_id)) out.push_back(options.dir + "/" + *folder);
  return out;
}

std::shared_ptr<const Index> Store::Impl::refreshed_index(bool every_file) {
  std::shared_ptr<const Index> before;
  {
    const std::lock_guard guard(mutex);
    before = index;
  }
  auto now =
      Index::refresh(env, {options.dir, options.cache_dir, options.match}, before, every_file);
  const std::lock_guard guard(mutex);
  if (every_file || before == nullptr) looked_us = env.monotonic_time_us();
  index = now;
  return now;
}

// What a large folder's files are is not asked again for each of many misses: only those that
// somebody writes to in place, within a second of the last look, are overlooked meanwhile.
bool Store::Impl::looked_at_every_file_lately() {
  constexpr size_t kLarge = 500;
  constexpr uint64_t kLately_us = 1'000'000;
  const std::lock_guard guard(mutex);
  return index != nullptr && index->size() > kLarge &&
         env.monotonic_time_us() < looked_us + kLately_us;
}

// The series that answers for the request's host: its own before llama-stack's for another
// host; one that recshim recorded for another host never.
Result<std::optional<Series>> Store::Impl::locate(const http::Exchange& request,
                                                  const std::string& stem,
                                                  RecordingCache::FolderTimes& times,
                                                  std::optional<Loaded>& loaded_first) {
  const auto first_of = [&](const Series& series) -> Result<std::optional<Loaded>> {
    auto loaded = load(series_path(series, false, 1), times);
    if (!loaded.ok() || loaded->has_value()) return loaded;
    return load(series_path(series, true, 1), times);
  };
  for (const auto& dir : folders(request.test_id)) {
    const Series plain{dir, stem};
    const Series own{dir, stem + "-" + host_tag(request.origin.host)};
    auto first = first_of(plain);
    if (!first.ok()) return first.error();
    const auto take = [&](std::optional<Loaded>& loaded, const Series& series) {
      loaded_first = std::move(loaded);
      return std::optional<Series>(series);
    };
    if (*first && (*first)->recording->host() == request.origin.host) return take(*first, plain);
    auto second = first_of(own);
    if (!second.ok()) return second.error();
    if (*second) return take(*second, own);
    if (*first && !(*first)->recording->from_recshim()) return take(*first, plain);
  }
  return std::optional<Series>();
}

// What is counted under which name when a request steps a series: those that wish for another
// form of the answer, where it was recorded too, are a series of their own.
Result<std::optional<Store::Impl::ReplayCounter>> Store::Impl::replay_counter(
    const http::Exchange& request, const match::RequestKey& key, const std::string& stem,
    RecordingCache::FolderTimes& times) {
  std::string plain = counter_name(stem, request.origin.host);
  // Several keys of now may have had one name before: each goes through its files by itself.
  if (!stem.starts_with(key.hash)) plain += "-" + key.hash;
  const auto counter_of = [&](match::Json wishes) {
    const std::string name = wishes.empty() ? plain : plain + "-" + digest_of(wishes);
    return ReplayCounter{SessionMemory::Name("replay", name), std::move(wishes)};
  };
  ReplayCounter asked = counter_of(wishes_of(request, key));
  if (asked.wishes.empty() && key.dialect != match::Dialect::kGeneric) return std::optional(asked);
  const auto before = memory->cell(asked.name);
  if (!before) return before.error();
  if (*before != 0) return std::optional(std::move(asked));
  const SessionMemory::Name mapping("wishes", plain + "-" + digest_of(asked.wishes));
  const auto mapped = memory->newest(mapping);
  if (!mapped) return mapped.error();
  if (*mapped) {
    auto wishes = parse_json(**mapped);
    if (!wishes) return Error{ErrorCode::kInvalid, "the session's memory is damaged"};
    return std::optional(counter_of(std::move(*wishes)));
  }
  std::optional<Loaded> first;
  const auto series = locate(request, stem, times, first);
  if (!series.ok()) return series.error();
  if (!*series) return std::optional<ReplayCounter>();
  const auto wished = [](const Loaded& loaded) { return wishes_of(*loaded.recording); };
  if (asks_the_same(*first->recording, key, options.match) && wished(*first) == asked.wishes) {
    return std::optional(std::move(asked));
  }
  std::optional<match::Json> best;
  int most = 0;
  for (const bool error : {false, true}) {
    for (int number = 1;; ++number) {
      auto loaded = load(series_path(**series, error, number), times);
      if (!loaded.ok()) return loaded.error();
      if (!*loaded) break;
      if (!asks_the_same(*(*loaded)->recording, key, options.match)) continue;
      match::Json wishes = wished(**loaded);
      const int points = agreement(wishes, asked.wishes);
      if (best && points <= most) continue;
      most = points;
      best = std::move(wishes);
    }
  }
  if (!best) return std::optional<ReplayCounter>();
  if (*best != asked.wishes) {
    const Status noted = memory->append(mapping, match::dump(*best, match::compact_style()));
    if (!noted) return noted.error();
  }
  return std::optional(counter_of(std::move(*best)));
}

// The first recording of series from cursor on that answers a request of this key and wishes;
// cursor is then behind it. first: what has been read of the series already.
Result<std::optional<Loaded>> Store::Impl::next_that_answers(const Series& series, Cursor& cursor,
                                                             RecordingCache::FolderTimes& times,
                                                             std::optional<Loaded> first,
                                                             const match::RequestKey& key,
                                                             const match::Json& wishes) {
  const auto read = [&](bool error) -> Result<std::optional<Loaded>> {
    const auto number = static_cast<int>(1 + (error ? cursor.errors : cursor.finals));
    const std::string path = series_path(series, error, number);
    if (first && first->path == path) return std::exchange(first, std::nullopt);
    return load(path, times);
  };
  auto final_one = read(false);
  if (!final_one.ok()) return final_one.error();
  auto error_one = read(true);
  if (!error_one.ok()) return error_one.error();
  while (*final_one || *error_one) {
    const bool error = !*final_one || (*error_one && (*error_one)->recording->repeat() <
                                                         (*final_one)->recording->repeat());
    auto& next = error ? error_one : final_one;
    cursor.step(error);
    const Recording& recording = *(*next)->recording;
    if (key.dialect != match::Dialect::kGeneric ||
        (asks_the_same(recording, key, options.match) && wishes_of(recording) == wishes)) {
      return std::move(*next);
    }
    next = read(error);
    if (!next.ok()) return next.error();
  }
  return std::optional<Loaded>();
}

Result<std::optional<Found>> Store::Impl::find_by_name(const http::Exchange& request,
                                                       const match::RequestKey& key,
                                                       const std::string& stem) {
  RecordingCache::FolderTimes times;
  auto counted = replay_counter(request, key, stem, times);
  if (!counted.ok()) return counted.error();
  if (!*counted) return std::optional<Found>();
  const auto& [counter, wishes] = **counted;
  bool anew = false;  // the series was removed or renamed meanwhile
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const auto before = memory->cell(counter);
    if (!before) return before.error();
    Cursor cursor = anew ? Cursor() : Cursor::from_cell(*before);
    Series series;
    std::optional<Loaded> first;  // what locate() has read already
    if (cursor.series == 0) {
      auto located = locate(request, stem, times, first);
      if (!located.ok()) return located.error();
      if (!located->has_value()) return std::optional<Found>();
      series = **located;
      const auto number = number_of(*memory, counter, series);
      if (!number) return number.error();
      cursor.series = *number;
    } else {
      auto noted = series_number(*memory, counter, cursor.series);
      if (!noted) return noted.error();
      series = std::move(*noted);
    }
    Cursor ahead = cursor;
    auto walked = next_that_answers(series, ahead, times, std::move(first), key, wishes);
    if (!walked.ok()) return walked.error();
    std::optional<Loaded> next = std::move(*walked);
    const bool stepped = next.has_value();
    if (!stepped && cursor.finals + cursor.errors > 0) {
      const uint64_t last = cursor.last_error ? cursor.errors : cursor.finals;
      auto again = load(series_path(series, cursor.last_error, static_cast<int>(last)), times);
      if (!again.ok()) return again.error();
      next = std::move(*again);
    }
    if (!next) {  // look anew, once
      if (anew) return std::optional<Found>();
      anew = true;
      continue;
    }
    auto found = answer(*next, request, key);
    if (!found.ok()) return found.error();
    if (stepped) {
      const auto noted = memory->exchange(counter, *before, ahead.cell());
      if (!noted) return noted.error();
      if (!*noted) {  // another was given this one
        anew = false;
        continue;
      }
    }
    return std::optional<Found>(std::move(*found));
  }
  return Error{ErrorCode::kIo, kRestless};
}

Result<Lookup> Store::Impl::find(const http::Exchange& request) {
  auto key = match::compute_key(request, request.test_id, options.match);
  if (!key.ok()) return key.error();
  if (options.keep_existing) {
    // What this session found missing once it records to its end: a later answer may be another.
    const auto begun = memory->cell(recorded_name(counter_name(key->hash, request.origin.host)));
    if (!begun) return begun.error();
    if (*begun > 0) return Lookup(explain(request, *key));
  }
  auto found =
      key->model_list ? find_model_list(request, *key) : find_by_name(request, *key, key->hash);
  if (!found.ok()) return found.error();
  if (!*found && !key->model_list) {
    const auto before = match::hash_before(request, request.test_id, options.match);
    if (!before) return before.error();
    if (*before != key->hash) found = find_by_name(request, *key, *before);
    if (!found.ok()) return found.error();
  }
  if (!*found) found = find_by_content(request, *key);
  if (!found.ok()) return found.error();
  // What answers a plain request is no answer to one that asks for another protocol, and where a
  // server has switched there is no recording.
  const auto asks_switch = [](const http::Exchange& exchange) {
    return !http::asked_switch(exchange.request).empty();
  };
  if (*found && asks_switch(request) && !asks_switch((*found)->exchange)) found->reset();
  if (*found) return Lookup(std::move(**found));
  // It may be among what could not be looked at.
  {
    const std::lock_guard guard(mutex);
    if (const Status whole = index == nullptr ? Status() : index->whole(); !whole) {
      return whole.error();
    }
  }
  return Lookup(explain(request, *key));
}

// Out of memory, or a JSON library's surprise: never the host's affair.
Result<Lookup> Store::find(const http::Exchange& request) {
  try {
    return impl_->find(request);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("the lookup failed: ") + error.what()};
  }
}

Result<std::optional<Found>> Store::find_early(const http::Exchange& request) {
  try {
    RecordingCache::FolderTimes times;
    const auto folders = impl_->folders(request.test_id);
    if (std::none_of(folders.begin(), folders.end(), [&](const std::string& folder) {
          return impl_->cache.may_have(folder, kEarly, times);
        })) {
      return std::optional<Found>();
    }
    auto key = match::compute_key(request, request.test_id, impl_->options.match, true);
    if (!key.ok()) return key.error();
    return impl_->find_by_name(request, *key, key->hash + kEarly);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("the lookup failed: ") + error.what()};
  }
}

Store::Store(Env& env, StoreOptions options) {
  if (options.memory == nullptr) {
    auto own = SessionMemory::make_private();
    options.memory = own ? std::move(*own) : SessionMemory::unreachable(own.error());
  }
  impl_ = std::make_unique<Impl>(env, std::move(options));
}
Store::~Store() = default;

const StoreOptions& Store::options() const {
  return impl_->options;
}

}  // namespace recshim::store
