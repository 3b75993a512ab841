import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A reader that knows nothing of Verbatim: Kafka's own consumer, Apache Avro, and schemas from a registry's URL.
 *
 * Usage: ReadTopics BOOTSTRAP REGISTRY TOPIC:PARTITION:START:STOP... Prints "topic partition offset schema-name json" for
 * each record.
 */
public class ReadTopics {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[0]);
    settings.put("enable.auto.commit", "false");
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
      for (int n = 2; n < arguments.length; n++) {
        String[] span = arguments[n].split(":");
        TopicPartition place = new TopicPartition(span[0], Integer.parseInt(span[1]));
        long stop = Long.parseLong(span[3]);
        consumer.assign(List.of(place));
        consumer.seek(place, Long.parseLong(span[2]));
        while (consumer.position(place) < stop) {
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
            if (record.offset() < stop) {
              out.println(place.topic() + " " + place.partition() + " " + record.offset() + " " + read(arguments[1], record.value()));
            }
          }
        }
      }
    }
    out.flush();
  }

  private static String read(String registry, byte[] value) throws Exception {
    ByteBuffer frame = ByteBuffer.wrap(value);
    if (frame.get() != 0) {
      return "- no frame";
    }
    int id = frame.getInt();
    Schema schema = SCHEMAS.get(id);
    if (schema == null) {
      schema = new Schema.Parser().parse(fetched(registry, id));
      SCHEMAS.put(id, schema);
    }
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
    GenericRecord found = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
    if (!decoder.isEnd()) {
      return "- bytes left over";
    }
    return schema.getFullName() + " " + found;
  }

  private static String fetched(String registry, int id) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id + "/schema")).build();
    HttpResponse<String> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException("schema " + id + ": " + answer.statusCode() + " " + answer.body());
    }
    return answer.body();
  }
}
