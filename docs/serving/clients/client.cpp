// A picture from a caption, and a caption from a picture, over TensorFlow Serving's REST interface.
//
//   g++ -std=c++17 -O2 -Wall -Wextra -Werror -o client client.cpp
//   ./client 127.0.0.1:8501 paint 'a red circle' circle.png [SEED]
//   ./client 127.0.0.1:8501 caption circle.png
//
// Needs nothing but POSIX sockets. The few lines of HTTP and JSON are what these two requests take;
// a program that asks for more is better served by libcurl and a JSON library.

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

using std::runtime_error;
using std::string;

const string kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

string ToBase64(const string& bytes) {
  string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kLetters[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

string FromBase64(const string& text) {
  string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char letter : text) {
    if (letter == '=') break;
    const size_t value = kLetters.find(letter);
    if (value == string::npos) throw runtime_error("the answer's picture is not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 255);
    }
  }
  return bytes;
}

string Quoted(const string& text) {
  string json = "\"";
  for (char letter : text) {
    if (letter == '"' || letter == '\\') {
      json += '\\';
      json += letter;
    } else if (static_cast<uint8_t>(letter) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(letter));
      json += code;
    } else {
      json += letter;
    }
  }
  return json + '"';
}

void AppendUtf8(uint32_t code, string* text) {
  if (code < 0x80) {
    *text += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *text += static_cast<char>((~(0xFF >> (more + 1)) & 0xFF) | code >> (6 * more));
  for (int i = more - 1; i >= 0; --i) *text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
}

// The JSON string that starts at json[at], which is its opening quote.
string ReadString(const string& json, size_t at) {
  const string marks = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
  string text;
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] != '\\') {
      text += json[at];
    } else if (json.at(++at) != 'u') {
      text += meant.at(marks.find(json[at]));
    } else {
      uint32_t code = static_cast<uint32_t>(std::stoul(json.substr(at + 1, 4), nullptr, 16));
      at += 4;
      if (code >> 10 == 0x36 && json.compare(at + 1, 2, "\\u") == 0) {  // a surrogate pair
        const auto low = static_cast<uint32_t>(std::stoul(json.substr(at + 3, 4), nullptr, 16));
        code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
        at += 6;
      }
      AppendUtf8(code, &text);
    }
  }
  return text;
}

// The first string below `key`; TensorFlow Serving writes each key once in an answer of one row.
string FindString(const string& json, const string& key) {
  const size_t found = json.find('"' + key + '"');
  if (found == string::npos) throw runtime_error("no " + key + " in the answer: " + json);
  const size_t quote = json.find('"', json.find(':', found));
  if (quote == string::npos) throw runtime_error("no text below " + key + ": " + json);
  return ReadString(json, quote);
}

class Connection {
 public:
  Connection(const string& host, const string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* places = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &places) != 0) {
      throw runtime_error("unknown host " + host);
    }
    for (const addrinfo* place = places; place && socket_ < 0; place = place->ai_next) {
      socket_ = socket(place->ai_family, place->ai_socktype, place->ai_protocol);
      if (socket_ >= 0 && connect(socket_, place->ai_addr, place->ai_addrlen) != 0) {
        close(socket_);
        socket_ = -1;
      }
    }
    freeaddrinfo(places);
    if (socket_ < 0) throw runtime_error("no server at " + host + ":" + port);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(socket_); }

  void Send(const string& bytes) const {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) throw runtime_error("the server closed the connection");
      sent += static_cast<size_t>(count);
    }
  }

  string ReadAll() const {
    string bytes;
    char block[1 << 16];
    for (ssize_t count; (count = recv(socket_, block, sizeof block, 0)) > 0;) {
      bytes.append(block, static_cast<size_t>(count));
    }
    return bytes;
  }

 private:
  int socket_ = -1;
};

// Posts `json`; HTTP 1.0 keeps the answer in one piece that ends with the connection.
string Predict(const string& server, const string& model, const string& json) {
  const size_t colon = server.rfind(':');
  if (colon == string::npos) throw runtime_error("the server must be HOST:PORT, not " + server);
  const Connection connection(server.substr(0, colon), server.substr(colon + 1));
  connection.Send("POST /v1/models/" + model + ":predict HTTP/1.0\r\nHost: " + server +
                  "\r\nContent-Type: application/json\r\nContent-Length: " +
                  std::to_string(json.size()) + "\r\n\r\n" + json);
  const string answer = connection.ReadAll();
  const size_t head = answer.find("\r\n\r\n"), status = answer.find(' ');
  if (head == string::npos || status > head) throw runtime_error("the server sent no HTTP answer");
  const string body = answer.substr(head + 4);
  // The server refuses a request in `error` alone, the model a row of it in an output of that name.
  const string reason = body.find("\"error\"") == string::npos ? "" : FindString(body, "error");
  if (!reason.empty()) throw runtime_error(reason);
  if (answer.compare(status + 1, 3, "200") != 0) throw runtime_error(answer.substr(status + 1, 3));
  return body;
}

void Paint(const string& server, const string& text, const string& path, const string& seed) {
  const string json = "{\"signature_name\": \"generate\", \"inputs\": {\"text\": [" + Quoted(text) +
                      "], \"seed\": [" + seed + "], \"truncation\": [1.0]}}";
  const string picture = FromBase64(FindString(Predict(server, "generator", json), "b64"));
  std::ofstream file(path, std::ios::binary);
  file << picture << std::flush;
  if (!file) throw runtime_error("cannot write " + path);
  std::cout << path << '\n';
}

void Caption(const string& server, const string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw runtime_error("cannot read " + path);
  const string picture{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const string json = "{\"inputs\": {\"image_bytes\": [{\"b64\": \"" + ToBase64(picture) + "\"}]}}";
  std::cout << FindString(Predict(server, "captioner", json), "caption") << '\n';
}

}  // namespace

int main(int count, char** words) {
  const string command = count > 2 ? words[2] : "";
  try {
    if (command == "paint" && (count == 5 || count == 6)) {
      Paint(words[1], words[3], words[4], count == 6 ? words[5] : "0");
    } else if (command == "caption" && count == 4) {
      Caption(words[1], words[3]);
    } else {
      std::cerr << "usage: client HOST:PORT paint TEXT FILE [SEED] | client HOST:PORT caption FILE\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
